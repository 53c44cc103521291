"""The demo as a newcomer starts it, with a real identity provider beside it, and who plays which part in it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg

from deploy.embedded.process import Child, PortBusy, free_port, require_free
from deploy.embedded.stack import ports_from
from services.demo import names
from services.demo.actions import Report
from services.demo.day import Plan
from services.demo.diary import Diary, open_diary
from services.demo.people import Adult, Case, Employee, Municipality, Pupil, SchoolClass
from services.demo.talks.plan import RoundOfTalks, plan_round
from services.demo.world import WorldPorts, prepare_world
from shared.roster.standing import OFFICERS
from tests.connected.door_stage import HIGH, SUBSTANTIAL, provider, running_provider

SKOLBRO = Path(sys.executable).with_name("skolbro")
SPEED = 90  # the first notices after a minute, and ten minutes until midnight
START_SECONDS, STOP_SECONDS, PATIENCE = 240.0, 20.0, 110.0  # a first day has a half-year before it
OPEN = "Step in as"  # what the demo says when its day begins
MANY = "100000"
NOTICES = "duty_moment join duty using (duty_id) where kind = 'same_day_notice'"
DELIVERED = """
    select evidence_id from duty_moment join duty using (duty_id)
    where pupil_id = %s and kind = 'same_day_notice' and duty_moment.status = 'delivered' and evidence_id is not null
"""


@dataclass(frozen=True)
class Cast:
    """Who plays which part. `told` is the child whose home is told first of all families at two schools."""

    guardian: Adult
    other_guardian: Adult
    told: Pupil
    sibling: Pupil
    mentor: Employee
    principal: Employee
    officer: Employee
    clerk: Employee
    grown_up_pupil: Pupil
    young_pupil: Pupil
    without_custody: Adult
    day: date
    whole: Municipality
    round: RoundOfTalks  # the one that the demo plays
    other_classes: tuple[SchoolClass, SchoolClass]  # for rounds that tests open: nobody else has to do with them
    twins: tuple[Pupil, Pupil]  # two of one class that is in no round, too young to have to sign, and their guardians
    hidden: Pupil  # with a protected identity, in a class of which nobody above is
    beside: Pupil  # in that class too, with somebody at home whose mailbox can be opened

    def employee(self, person_id: UUID) -> Employee:
        """Who works there."""
        return next(one for one in self.whole.employees if one.id == person_id)

    @property
    def reader(self) -> Adult:
        """Who reads what comes about `beside`."""
        return _home(self.whole, self.beside)[0]

    def home(self, pupil: Pupil) -> list[Adult]:
        """Who answers for the pupil."""
        return [self.whole.adults[tie.adult_id] for tie in pupil.ties]


@dataclass(frozen=True)
class Town:
    """The running demo."""

    portal: str
    registry: str
    scheduling: str
    bulletins: str
    sending: str
    mails: str
    issuer: str
    data: Path
    cast: Cast
    made: list[object] = field(default_factory=list)  # what tests have made once for all of them

    @property
    def ours(self) -> tuple[str, ...]:
        """Where our pages are."""
        return self.portal, self.registry, self.scheduling, self.bulletins, self.sending, self.mails

    def ask(self, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows from the database of a service, as its owner sees it."""
        with psycopg.connect(self.owner_url(service)) as db:
            return db.execute(query.encode(), values).fetchall()

    def owner_url(self, service: str) -> str:
        """The database of a service, for its owner."""
        told = json.loads((self.data / "running.json").read_text(encoding="utf-8"))
        return str(told[f"{service.upper()}_OWNER_URL"]).replace("+psycopg", "")

    async def told(self) -> UUID:
        """The message about the child, as soon as the ledger has it as delivered."""
        return UUID(str((await self.until(lambda: self.ask("portal", DELIVERED, self.cast.told.id)))[0][0]))

    async def many_told(self, many: int = 40) -> None:
        """As soon as the ledger has so many notices as delivered: then every page has something to show."""
        query = f"select 1 from {NOTICES} and duty_moment.status = 'delivered' having count(*) >= %s"
        await self.until(lambda: self.ask("portal", query, many))

    async def understood(self) -> None:
        """As soon as it has come to the ledger that somebody at home has read a notice."""
        await self.until(lambda: self.ask("portal", f"select 1 from {NOTICES} and duty_moment.status = 'understood'"))

    async def quarantined(self) -> None:
        """As soon as a change has been kept for a registrar to look at."""
        await self.until(lambda: self.ask("registry", "select 1 from quarantine"))

    async def until(self, rows: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Rows, as soon as there are any. Fails after 100 s: that is four hours of the demo's day."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := rows():
                return found
            await asyncio.sleep(0.25)
        raise AssertionError(f"It did not happen in time. {self.last_words()}")

    def last_words(self) -> str:
        """The last line of each service's log: the data is gone after the tests."""
        logs = {log.stem: log.read_text(encoding="utf-8").splitlines()[-1:] for log in self.data.glob("logs/*.log")}
        return "\n".join(f"{name}: {line[0][:1000]}" for name, line in logs.items() if line)


@contextmanager
def running_town() -> Iterator[Town]:
    """Start the identity provider and `skolbro demo`, and leave no process and no file behind."""
    folder = Path(tempfile.mkdtemp(prefix="skolbro-browser-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own when we are root
    with running_provider(folder) as issuer:
        first = free_first_port()
        demo = _demo(folder, first, issuer)
        demo.start()
        family: Sequence[psutil.Process] = []
        try:
            demo.wait_until(lambda: OPEN in demo.log.read_text(encoding="utf-8"), START_SECONDS)
            family = psutil.Process(demo.pid).children(recursive=True)
            town = _town(folder, first, issuer)
            _introduce(town)
            yield town
        finally:
            demo.stop(STOP_SECONDS)
        _, left = psutil.wait_procs(family, 5)
        assert not left, f"still running: {left}"
    shutil.rmtree(folder, ignore_errors=True)


def _demo(folder: Path, first: int, issuer: str) -> Child:
    ways = [
        provider(issuer, "e-id", tenant=names.MUNICIPALITY),
        provider(issuer, "school", tenant=names.MUNICIPALITY, label="School login", claim="eppn", kind="eppn"),
    ]
    said = [{**way.model_dump(mode="json", exclude_none=True), "client_secret": "secret"} for way in ways]
    env = {
        "PORTAL_PROVIDERS": json.dumps(said),
        "SKOLBRO_REQUESTS_PER_MINUTE": MANY,  # axe asks for every page many times a minute
        "SKOLBRO_VISITS_PER_MINUTE": MANY,
        "SKOLBRO_LOGINS_PER_MINUTE": MANY,
        "BULLETINS_SEND_FROM": "00:00",  # no evening: the demo's day is shorter than the tests
        "BULLETINS_SEND_UNTIL": "00:00",
    }
    command = [str(SKOLBRO), "demo", "--port", str(first), "--data", str(folder / "data"), "--speed", str(SPEED)]
    command.append("--no-half-year")  # the scene writes bulletins of its own
    return Child("the demo", command, folder / "demo.log", env=env)


def free_first_port() -> int:
    """A port with enough free ones above it, for the services and for the world around them."""
    while True:
        first = free_port()
        try:
            require_free([*ports_from(first).values(), *WorldPorts.from_first(first).all])
        except PortBusy:
            continue
        return first


def _town(folder: Path, first: int, issuer: str) -> Town:
    data = folder / "data"
    diary = open_diary(data, 7, 3, 1200, date.max)
    played = diary.played[-1].day
    services = ("portal", "registry", "scheduling", "bulletins", "notifications")
    ports = (*(ports_from(first)[name] for name in services), WorldPorts.from_first(first).pages)
    portal, registry, scheduling, bulletins, sending, mails = (f"http://127.0.0.1:{port}" for port in ports)
    return Town(
        portal,
        registry,
        scheduling,
        bulletins,
        sending,
        mails,
        issuer,
        data,
        cast_on(diary.model_copy(update={"played": []}), played),
    )


def cast_on(diary: Diary, day: date) -> Cast:
    """Whom the parts fall to: worked out from the municipality and the plan of its first day."""
    stage, plan = prepare_world(diary, day)
    whole = stage.whole
    missed = [(mark, report.at) for report in plan.actions if isinstance(report, Report) for mark in report.marks]
    first = {mark.pupil_id: at for mark, at in reversed(missed) if mark.invalid and mark.reported}
    told = min((one for one in whole.with_case(Case.TWO_SCHOOLS) if _home(whole, one)), key=lambda one: first[one.id])
    guardian = _home(whole, told)[0]
    seat = told.school_class
    at_the_office = [one for one in whole.employees if one.school_id == whole.owner_id]
    return Cast(
        guardian=guardian,
        other_guardian=next(one for one in _two_schools(whole) if one.id != guardian.id),
        told=told,
        sibling=next(one for one in _children(whole, guardian, Case.TWO_SCHOOLS) if one.id != told.id),
        mentor=next(one for one in whole.employees if one.id == seat.mentor_id),
        principal=next(one for one in whole.employees if (one.school_id, one.role) == (seat.school.id, "Rektor")),
        officer=next(one for one in at_the_office if one.role.casefold() in OFFICERS),
        clerk=next(one for one in at_the_office if one.role.casefold() not in OFFICERS),
        grown_up_pupil=whole.with_case(Case.ADULT)[0],
        young_pupil=next(one for one in whole.of_class(seat.id) if one.id != told.id),
        without_custody=whole.adults[whole.with_case(Case.NO_RIGHTS)[0].ties[1].adult_id],
        day=day,
        whole=whole,
        **_talks(whole, plan, seat),
        **_beside(whole, seat),
    )


def _beside(whole: Municipality, seat: SchoolClass) -> dict[str, Any]:
    """Somebody with a protected identity in a class of a school for younger ones, and a classmate."""
    hidden = next(one for one in whole.with_case(Case.PROTECTED) if one.school_class is not seat)
    there = [one for one in whole.of_class(hidden.school_class.id) if one.case is Case.PLAIN]
    return {"hidden": hidden, "beside": next(one for one in there if _home(whole, one))}


def _talks(whole: Municipality, plan: Plan, seat: SchoolClass) -> dict[str, Any]:
    """The round that is played, and classes of others in which tests open theirs."""
    played = plan_round(whole, plan)
    assert played is not None
    busy = {one.id for one in (seat, *played.classes)}
    pairs = [one for number in range(1, 20) if (one := plan_round(whole, plan, number)) is not None]
    free = [one for pair in pairs for one in pair.classes if one.id not in busy]
    twins = next(pair for one in free if (pair := _twins(whole, one)))
    others = [one for one in free if one is not twins[0].school_class and one.school is not played.school][:2]
    return {"round": played, "twins": twins, "other_classes": tuple(others)}


def _twins(whole: Municipality, school_class: SchoolClass) -> tuple[Pupil, Pupil] | None:
    """Two children of one family in a class of a school for younger ones."""
    there = whole.of_class(school_class.id) if school_class.school.kind == "primary" else []
    pairs = (pair for pair in combinations(there, 2) if pair[0].ties == pair[1].ties)
    return next((pair for pair in pairs if all(one.case is Case.PLAIN for one in pair)), None)


def _home(whole: Municipality, pupil: Pupil) -> list[Adult]:
    """The guardians whose mailbox can be opened in the demo."""
    adults = [whole.adults[tie.adult_id] for tie in pupil.ties]
    return [one for one in adults if one.reachable and not one.simulated]


def _two_schools(whole: Municipality) -> list[Adult]:
    return [adult for pupil in whole.with_case(Case.TWO_SCHOOLS) for adult in _home(whole, pupil)[:1]]


def _children(whole: Municipality, adult: Adult, case: Case) -> list[Pupil]:
    return [one for one in whole.with_case(case) if any(tie.adult_id == adult.id for tie in one.ties)]


def _introduce(town: Town) -> None:
    """Let the identity provider know the people of the town who log in there."""
    cast = town.cast
    known = {
        "guardian": {"pid": cast.guardian.civic_no, "acr": SUBSTANTIAL},
        "beside": {"pid": cast.reader.civic_no, "acr": SUBSTANTIAL},
        "principal": {"eppn": cast.principal.account, "acr": SUBSTANTIAL},
        "officer": {"eppn": cast.officer.account, "acr": HIGH},
    }
    for sub, claims in known.items():
        httpx.put(f"{town.issuer}/users/{sub}", json=claims, trust_env=False).raise_for_status()


def name_of(person: Adult | Employee | Pupil) -> str:
    """Given and family name."""
    return f"{person.given} {person.family}"


def chromium() -> str | None:
    """Where Chromium is: SKOLBRO_CHROMIUM, or the usual names in PATH."""
    usual = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("SKOLBRO_CHROMIUM") or next(filter(None, map(shutil.which, usual)), None)


def slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")
