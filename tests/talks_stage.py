"""A stage for talks: a small municipality in the scheduling service's own database, and people who open its pages.

It is 09:00 in Stockholm on Monday 2 November 2026. Brohamn has two schools and three classes of five pupils:

* 6A at Björkskolan, mentor `maja`: ebba, noor, pia (protected), filip, gustav
* 4B at Björkskolan, mentor `malte`: emil, stig and siri (twins), hugo, isak
* 9C at Lindskolan, mentor `mats`: olle, nabil, alva (18), yngve, kalle

Ebba, Emil and Olle are siblings. `anna` and `bo`, who live apart, both answer for Ebba and Emil, only Anna for Olle;
`stina` is tied to Ebba without a right. Noor and Nabil have `nadia` and `nils`; `sven` has the twins, `petra` has Pia,
and everybody else one guardian. `gun` answered for Alva until she came of age. In Fjordby, another municipality,
Norwegian, live `uno` (class 7X, mentor `uffe`) and his guardian `ulla`.

    async with talks_stage(postgres, clock, add_rounds) as stage:   # rooms to open; none: those of the service
        round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
        page = await stage.get("anna", "/talks")
        answer = await stage.post("anna", "/talks/book", talk_id=stage.talk_id(round_id, "ebba"))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from deploy.embedded.postgres import Postgres
from services.scheduling import tables as t
from services.scheduling.consumers import readers
from services.scheduling.domain.placing import Placement, uses
from services.scheduling.domain.rounds import RoundState
from services.scheduling.domain.school_year import half_year_id
from services.scheduling.jobs import due_handlers
from services.scheduling.settings import SchedulingSettings
from services.scheduling.web import front
from services.scheduling.web.shown import scheduling_face
from shared.clock import ManualClock
from shared.db.engine import table_of
from shared.due.worker import DueHandler, DueWorker
from shared.events.envelope import Event
from shared.events.roster import (
    Assignment,
    GroupStated,
    Guardianship,
    Marking,
    Membership,
    Relation,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.events.scheduling import TalkKind, TalkState
from shared.ids import derived_id, tenant_id
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import STEP_UP, Sessions, add_sessions
from tests.hearing import hear_by, said
from tests.portal_stage import answers, person, statements, ties
from tests.stack import kit_off_kafka

__all__ = ["NINE", "Stage", "at", "statements", "talks_stage"]

NINE = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)  # 09:00 in Stockholm, a Monday
TODAY = date(2026, 11, 2)
TUESDAY, THURSDAY = date(2026, 11, 17), date(2026, 11, 19)  # evenings of talks
KEY = "a key of the tests that is long enough to sign"
HERE, ELSEWHERE = tenant_id("Brohamn"), tenant_id("Fjordby")
ZONE = "Europe/Stockholm"
SCHOOL_OF = {"6A": "north", "4B": "north", "9C": "south", "7X": "far"}
MENTOR_OF = {"6A": "maja", "4B": "malte", "9C": "mats", "7X": "uffe"}
CLASS_OF = {
    **dict.fromkeys(("ebba", "noor", "pia", "filip", "gustav"), "6A"),
    **dict.fromkeys(("emil", "stig", "siri", "hugo", "isak"), "4B"),
    **dict.fromkeys(("olle", "nabil", "alva", "yngve", "kalle"), "9C"),
    "uno": "7X",
}
NAMES = {
    "ebba": "Ebba Ek",
    "noor": "Noor Haddad",
    "pia": "Pia Dold",
    "filip": "Filip Främling",
    "gustav": "Gustav Gren",
    "emil": "Emil Ek",
    "stig": "Stig Strand",
    "siri": "Siri Strand",
    "hugo": "Hugo Holm",
    "isak": "Isak Ivarsson",
    "olle": "Olle Ek",
    "nabil": "Nabil Haddad",
    "alva": "Alva Lind",
    "yngve": "Yngve Ymer",
    "kalle": "Kalle Karlsson",
    "anna": "Anna Ek",
    "bo": "Bo Alm",
    "stina": "Stina Sjö",
    "nadia": "Nadia Haddad",
    "nils": "Nils Haddad",
    "petra": "Petra Dold",
    "sven": "Sven Strand",
    "frida": "Frida Främling",
    "greta": "Greta Gren",
    "hanna": "Hanna Holm",
    "ida": "Ida Ivarsson",
    "gun": "Gun Lind",
    "ylva": "Ylva Ymer",
    "karin": "Karin Karlsson",
    "maja": "Maja Mentor",
    "malte": "Malte Mentor",
    "mats": "Mats Mentor",
    "tora": "Tora Lärare",  # teaches at Björkskolan, mentor of nobody
    "rut": "Rut Rektor",
    "rolf": "Rolf Rektor",
    "oskar": "Oskar Kontor",  # officer of Brohamn
}
THERE = {"uno": "Uno Utom", "ulla": "Ulla Utom", "uffe": "Uffe Utom", "unni": "Unni Rektor", "ove": "Ove Kontor"}
BORN = {"6A": date(2014, 3, 1), "4B": date(2016, 4, 2), "9C": date(2011, 5, 3), "7X": date(2013, 6, 4)}
FAMILIES = {
    "ebba": ("anna", "bo"),
    "emil": ("anna", "bo"),
    "olle": ("anna",),
    "noor": ("nadia", "nils"),
    "nabil": ("nadia", "nils"),
    "pia": ("petra",),
    "filip": ("frida",),
    "gustav": ("greta",),
    "stig": ("sven",),
    "siri": ("sven",),
    "hugo": ("hanna",),
    "isak": ("ida",),
    "alva": ("gun",),
    "yngve": ("ylva",),
    "kalle": ("karin",),
    "uno": ("ulla",),
}


def at(clock: str, day: date = TODAY, zone: str = ZONE) -> datetime:
    """A time on the wall there, as an instant in UTC."""
    return datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone)).astimezone(UTC)


async def hear(kit: Kit, *events: Event) -> None:
    """Let the scheduling service read these, as its readers do."""
    await hear_by(kit, readers(), *events)


@dataclass
class Stage:
    """The municipality. `who`, `school` and `group` have the ids; `app` has the pages; all is on `clock`."""

    kit: Kit
    settings: SchedulingSettings
    app: FastAPI = field(default_factory=FastAPI)
    who: dict[str, UUID] = field(default_factory=dict)
    school: dict[str, UUID] = field(default_factory=dict)  # north, south, office; far and far_office elsewhere
    group: dict[str, UUID] = field(default_factory=dict)  # 6A, 4B, 9C; 7X elsewhere
    tenant: UUID = HERE
    other_tenant: UUID = ELSEWHERE

    @property
    def clock(self) -> ManualClock:
        """The clock of the whole stage."""
        return cast(ManualClock, self.kit.clock)

    # People at their browsers ------------------------------------------------------------------------------------

    def client(self, who: str | UUID | None, level: str = STEP_UP) -> httpx.AsyncClient:
        """A browser in which this person has logged in (None: nobody). Redirects are not followed."""
        sessions = Sessions(self.kit.settings)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://talks")
        browser.headers["accept-language"] = "en"
        if who is not None:
            person_id = self.who[who] if isinstance(who, str) else who
            tenant = ELSEWHERE if person_id in [self.who[one] for one in THERE] else HERE
            session = sessions.begin(person_id, tenant, "test", "strong", level=level)
            browser.cookies.set(sessions.cookie, sessions.seal(session))
            browser.headers["x-csrf"] = sessions.csrf(session)  # for `post`, which puts it into the form
        return browser

    async def get(self, who: str | UUID | None, path: str) -> httpx.Response:
        """The page as this person sees it."""
        async with self.client(who) as browser:
            return await browser.get(path)

    async def post(
        self, who: str | UUID, path: str, /, fields: Mapping[str, Any] | None = None, level: str = STEP_UP, **more: Any
    ) -> httpx.Response:
        """Send a form as this person, with the token of their session; a list is sent as a field that comes often."""
        typed = {name: _typed(value) for name, value in {**(fields or {}), **more}.items()}
        async with self.client(who, level) as browser:
            return await browser.post(path, data={"csrf": browser.headers["x-csrf"], **typed})

    # What the service hears and says ------------------------------------------------------------------------------

    async def hear(self, *events: Event) -> None:
        """Let the service read these."""
        await hear(self.kit, *events)

    async def said(self, model: type[Event]) -> list[Any]:
        """The events of one kind in the outbox, in order."""
        return await said(self.kit, model)

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """What the database holds, with nothing in the way."""
        async with self.kit.sessions() as session:
            return (await session.execute(text(query), values)).all()

    async def fall_due(self, handlers: Mapping[str, DueHandler] | None = None) -> int:
        """Do everything that is due now (`handlers`: those given, else all of the service); how much that was."""
        worker, done = DueWorker(self.kit, handlers or due_handlers(self.kit, self.settings)), 0
        while found := await worker.round():
            done += found
        return done

    async def forward(self, days: float, handlers: Mapping[str, DueHandler] | None = None) -> None:
        """Let time pass, stopping at every midnight (UTC) on the way and at the end for what has fallen due."""
        end = self.clock.now() + timedelta(days=days)
        while (now := self.clock.now()) < end:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            self.clock.instant = min(midnight, end)
            await self.fall_due(handlers)

    # Rounds and talks ---------------------------------------------------------------------------------------------

    async def round(self, state: RoundState = RoundState.WISHES, *classes: str, **fields: Any) -> UUID:
        """A round of these classes (6A) in a state, written as it stands: slots, and a talk WANTED for each pupil.

        Two evenings, Tuesday 17 and Thursday 19 November, 15:00-18:00: 6 slots each for each class's mentor, each in
        a room of its own. `days` is another list of (date, "15:00", "18:00"); other `fields` are the round's columns.
        """
        classes = classes or ("6A",)
        days = fields.pop("days", [(TUESDAY, "15:00", "18:00"), (THURSDAY, "15:00", "18:00")])
        async with self.kit.sessions.begin() as session:
            row = self._round_row(state, classes, fields)
            session.add(row)
            await session.flush()
            for day, starts, ends in days:
                starts_at, ends_at = time.fromisoformat(starts), time.fromisoformat(ends)
                session.add(t.RoundDay(round_id=row.round_id, day=day, starts=starts_at, ends=ends_at))
            for name in classes:
                await self._class_in(session, row, name, days)
            return row.round_id

    def _round_row(self, state: RoundState, classes: Sequence[str], fields: Mapping[str, Any]) -> t.Round:
        now, school = self.clock.now(), self.school[SCHOOL_OF[classes[0]]]
        day = timedelta(days=1)
        usual = {
            "round_id": uuid4(),
            "version": 1,
            "tenant_id": ELSEWHERE if school == self.school["far"] else HERE,
            "school_id": school,
            "term_id": half_year_id(ELSEWHERE if school == self.school["far"] else HERE, TUESDAY),
            "author_id": self.who[MENTOR_OF[classes[0]]],
            "kind": TalkKind.DEVELOPMENT,
            "title": "Talks in November",
            "state": state,
            "talk_minutes": 25,
            "pause_minutes": 5,
            "longest_run": 5,
            "separate_talks": False,
            "video": True,
            "others_may_attend": False,
            "answer_by": now + 7 * day if state in (RoundState.DRAFT, RoundState.WISHES) else now - day,
            "books_from": now - day / 24 if state is RoundState.BOOKING else None,
            "books_until": now + 14 * day,
            "early_minutes": 0,
            "created_at": now,
        }
        return t.Round(**{**usual, **fields})

    async def _class_in(self, session: AsyncSession, row: t.Round, name: str, days: Iterable[Any]) -> None:
        host, room = self.who[MENTOR_OF[name]], derived_id("room", row.school_id, name)
        if await session.get(t.Room, room) is None:
            session.add(t.Room(room_id=room, school_id=row.school_id, name=f"Room {name}"))
        await session.flush()
        session.add(t.RoundClass(round_id=row.round_id, group_id=self.group[name]))
        session.add(t.Host(round_id=row.round_id, host_id=host, room_id=room, video=row.video))
        for starts_at in _starts(days, row.talk_minutes, row.pause_minutes):
            session.add(
                t.Slot(
                    slot_id=derived_id("slot", row.round_id, host, starts_at.isoformat()),
                    round_id=row.round_id,
                    host_id=host,
                    starts_at=starts_at,
                    ends_at=starts_at + timedelta(minutes=row.talk_minutes),
                )
            )
        for pupil in [one for one, group in CLASS_OF.items() if group == name]:
            session.add(self._talk_row(row, name, pupil))

    def _talk_row(self, row: t.Round, name: str, pupil: str) -> t.Talk:
        return t.Talk(
            talk_id=self.talk_id(row.round_id, pupil),
            version=1,
            tenant_id=row.tenant_id,
            school_id=row.school_id,
            round_id=row.round_id,
            group_id=self.group[name],
            pupil_id=self.who[pupil],
            guardian_ids=[] if pupil == "alva" else [self.who[one] for one in FAMILIES[pupil]],
            host_id=self.who[MENTOR_OF[name]],
            kind=row.kind,
            state=TalkState.WANTED,
            changed_at=row.created_at,
        )

    def talk_id(self, round_id: UUID, pupil: str, household: int = 0) -> UUID:
        """The id of a pupil's talk in a round."""
        return derived_id("talk", round_id, self.who[pupil], household)

    async def talk(self, round_id: UUID, pupil: str, household: int = 0) -> t.Talk:
        """A pupil's talk in a round, as it stands."""
        async with self.kit.sessions() as session:
            return await session.get_one(t.Talk, self.talk_id(round_id, pupil, household))

    async def slots(self, round_id: UUID, mentor: str) -> list[t.Slot]:
        """A host's slots in a round, in order."""
        mine = select(t.Slot).where(
            table_of(t.Slot).c.round_id == round_id, table_of(t.Slot).c.host_id == self.who[mentor]
        )
        async with self.kit.sessions() as session:
            return list(await session.scalars(mine.order_by(table_of(t.Slot).c.starts_at)))

    async def give(
        self, round_id: UUID, pupil: str, place: int = 0, state: TalkState = TalkState.BOOKED, **fields: Any
    ) -> UUID:
        """Write that a talk has its host's slot number `place`, with everything it occupies. Its id.

        It is as the proposal or a booking leaves it, but nothing is said. `fields` are more of the talk's columns.
        """
        talk = await self.talk(round_id, pupil)
        slot = (await self.slots(round_id, MENTOR_OF[CLASS_OF[pupil]]))[place]
        room = derived_id("room", talk.school_id, CLASS_OF[pupil])
        its = {"state": state, "slot_id": slot.slot_id, "starts_at": slot.starts_at, "ends_at": slot.ends_at}
        its |= {"room_id": room, "invited": state is not TalkState.PROPOSED, "version": talk.version + 1, **fields}
        async with self.kit.sessions.begin() as session:
            await session.execute(update(t.Talk).where(table_of(t.Talk).c.talk_id == talk.talk_id).values(its))
            await _occupy(session, talk, slot, cast("UUID | None", its["room_id"]))
        return talk.talk_id

    # More of the world --------------------------------------------------------------------------------------------

    def group_stated(self, name: str, *members: str, version: int = 1, **dates: Mapping[str, date]) -> list[Event]:
        """A class with these members; `starts` and `ends` are dates by name."""
        far = name == "7X"
        starts, ends = dates.get("starts", {}), dates.get("ends", {})
        inside = tuple(
            Membership(person_id=self.who[one], starts=starts.get(one, date(2026, 8, 15)), ends=ends.get(one))
            for one in members
        )
        place = {"tenant_id": ELSEWHERE if far else HERE, "school_id": self.school[SCHOOL_OF[name]], "version": version}
        group = GroupStated(group_id=self.group[name], name=name, kind="Klass", members=inside, **place)
        subject = derived_id("subject", self.group[name])
        return [group, SubjectStated(subject_id=subject, name="Svenska", group_ids=(self.group[name],), **place)]

    def person_stated(self, who: str, *schools: str, **more: Any) -> list[Event]:
        """Somebody of the stage, as the registry states them. Give a `version` from 2 on to change them."""
        name = NAMES.get(who) or THERE.get(who) or who.capitalize() + " Ny"
        places = [self.school[one] for one in schools]
        self.who.setdefault(who, uuid4())
        return person(ELSEWHERE if who in THERE else HERE, self.who[who], name, *places, **more)


@asynccontextmanager
async def talks_stage(postgres: Postgres, clock: ManualClock, *rooms: front.Room) -> AsyncIterator[Stage]:
    """The stage, with the pages of these rooms open (`add_x`; none given: all that the service has)."""
    clock.instant = NINE
    kit = kit_off_kafka(postgres, "scheduling", t.metadata, t.kit, clock)
    kit.settings = kit.settings.model_copy(
        update={"session_key": SecretStr(KEY), "requests_per_minute": 100_000, "visits_per_minute": 100_000}
    )
    stage = Stage(kit, SchedulingSettings())
    stage.who = {name: uuid4() for name in (*NAMES, *THERE)}
    stage.school = {name: uuid4() for name in ("north", "south", "office", "far", "far_office")}
    stage.group = {name: uuid4() for name in SCHOOL_OF}
    stage.app = open_rooms(stage, *(rooms or front.ROOMS))
    await stage.hear(*_places(stage), *_people(stage), *_families(stage))
    await stage.hear(*_classes(stage), *_staff(stage))
    try:
        yield stage
    finally:
        await kit.close()


def open_rooms(stage: Stage, *rooms: front.Room) -> FastAPI:
    """The pages of these rooms with real sessions, forms that are checked, and error pages."""
    app = FastAPI(docs_url=None, redoc_url=None)
    settings = stage.kit.settings
    pages = Pages(front.HERE / "templates", settings, zone=stage.settings.zone, home=settings.portal_url)
    add_error_pages(app, pages)
    add_pages(app, front.HERE / "static", settings)
    add_sessions(app, stage.kit)
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = scheduling_face(stage.kit, pages)
    for add in rooms:
        add(router, face, stage.settings)
    app.include_router(router)
    return app


def _typed(value: Any) -> str | list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else str(value)


def _starts(days: Iterable[Any], talk: int, pause: int) -> Iterable[datetime]:
    for day, starts, ends in days:
        here, end = at(starts, day), at(ends, day)
        while here + timedelta(minutes=talk) <= end:
            yield here
            here += timedelta(minutes=talk + pause)


async def _occupy(session: AsyncSession, talk: t.Talk, slot: t.Slot, room_id: UUID | None) -> None:
    placement = Placement(
        talk_id=talk.talk_id,
        slot_id=slot.slot_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        school_id=talk.school_id,
        host_id=slot.host_id,
        pupil_id=talk.pupil_id,
        guardian_ids=tuple(talk.guardian_ids),
        room_id=room_id,
    )
    add = text(
        "insert into occupancy (tenant_id, resource_id, during, talk_id) "
        "values (:tenant, :resource, tstzrange(:starts, :ends), :talk)"
    )
    taken = [
        {
            "tenant": talk.tenant_id,
            "resource": one.resource_id,
            "starts": one.starts_at,
            "ends": one.ends_at,
            "talk": talk.talk_id,
        }
        for one in uses(placement)
    ]
    await session.execute(add, taken)


def _places(s: Stage) -> list[Event]:
    def place(name: str, title: str, tenant: UUID = HERE, **more: Any) -> SchoolStated:
        mail = f"{name}@skola.example"
        return SchoolStated(school_id=s.school[name], version=1, tenant_id=tenant, name=title, email=mail, **more)

    oslo = {"zone": "Europe/Oslo", "language": "nb"}
    return [
        place("office", "Brohamns kommun", kind="municipality"),
        place("north", "Björkskolan", parent_id=s.school["office"]),
        place("south", "Lindskolan", parent_id=s.school["office"]),
        place("far_office", "Fjordby kommune", ELSEWHERE, kind="municipality", **oslo),
        place("far", "Fjordskolen", ELSEWHERE, parent_id=s.school["far_office"], **oslo),
    ]


def _people(s: Stage) -> list[Event]:
    people: list[Event] = []
    for who in (*NAMES, *THERE):
        name = CLASS_OF.get(who)
        more: dict[str, Any] = {"born": BORN[name]} if name else {}
        if who in ("pia", "petra"):
            more["marking"] = Marking.PROTECTED
        if who == "alva":
            more["born"] = date(2008, 1, 15)
        people += s.person_stated(who, *([SCHOOL_OF[name]] if name else []), **more)
    return people


def _families(s: Stage) -> list[Event]:
    stina = Guardianship(guardian_id=s.who["stina"], relation=Relation.OTHER_RESPONSIBLE)
    return [
        ties(
            ELSEWHERE if pupil in THERE else HERE,
            s.who[pupil],
            *[answers(s.who[one]) for one in grown_ups],
            *([stina] if pupil == "ebba" else []),
        )
        for pupil, grown_ups in FAMILIES.items()
    ]


def _classes(s: Stage) -> list[Event]:
    members: dict[str, list[str]] = {name: [] for name in SCHOOL_OF}
    for pupil, name in CLASS_OF.items():
        members[name].append(pupil)
    return [event for name, inside in members.items() for event in s.group_stated(name, *inside)]


def _staff(s: Stage) -> list[Event]:
    def post(who: str, role: str, school: str, group: str | None = None) -> StaffStated:
        parts = (Assignment(group_id=s.group[group], role="Mentor"),) if group else ()
        return StaffStated(
            post_id=uuid4(),
            version=1,
            tenant_id=ELSEWHERE if who in THERE else HERE,
            school_id=s.school[school],
            person_id=s.who[who],
            role=role,
            assignments=parts,
        )

    return [
        *(post(mentor, "Lärare", SCHOOL_OF[name], name) for name, mentor in MENTOR_OF.items()),
        post("tora", "Lärare", "north"),
        post("rut", "Rektor", "north"),
        post("rolf", "Rektor", "south"),
        post("unni", "Rektor", "far"),
        post("oskar", "Skoladministratör", "office"),
        post("ove", "Skoladministratör", "far_office"),
    ]
