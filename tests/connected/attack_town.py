"""What the scheduling service keeps on the stage of attacks, with everybody's right to each thing.

Four schools in two municipalities, each with rounds in several states, talks that are coming and held, and all that
hangs on them. Every free text is a planted string that occurs nowhere else; who may read it is written here from the
law's words (who answers for the pupil today, whose talk it is, who teaches now), not from our code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import tables as t
from services.scheduling.domain.placing import Choice, Placement, uses
from services.scheduling.domain.rounds import RoundState
from shared.events.scheduling import TalkKind
from shared.ids import derived_id
from shared.kit import Kit
from tests.portal_stage import ELSEWHERE, HERE, TEN, Stage, at

EVENING, DAY = date(2026, 12, 1), timedelta(days=1)
OCCUPY = text(
    "insert into occupancy (tenant_id, resource_id, during, talk_id, hold_id, hold_until) "
    "values (:tenant, :resource, tstzrange(:starts, :ends), :talk, :hold, :until)"
)
# Who had a right to it once, has half of one, or will have one: of those everything is asked.
NEAR = {
    "child_1": ("step_parent", "not_yet", "friend", "guardian_a", "guardian_b", "mentor_2", "principal_2", "gone_host"),
    "child_2": ("guardian_b_ended", "principal"),
    "stranger_child": ("mentor", "host", "protected_guardian"),
    "adult_pupil": ("former_guardian",),
    "other_child_2": ("other_guardian_2", "other_mentor"),
}
SE_NO_REASONS = "other_child_2"  # 16, in Norway: reasons and support measures are their own
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # digits could look like somebody's number


@dataclass(frozen=True)
class Thing:
    """Something with an id. `may`: who may do what with it; `acts`: who shows that it works; `tokens` are its words."""

    id: UUID
    may: Mapping[str, frozenset[UUID]]
    acts: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Town:
    """Planted strings with who may read them, whom somebody knows by their talks, and everything by its kind."""

    planted: dict[str, set[UUID]] = field(default_factory=dict)
    knows: dict[UUID, set[UUID]] = field(default_factory=dict)
    things: dict[str, list[Thing]] = field(default_factory=dict)

    def plant(self, knowing: Iterable[UUID]) -> str:
        """A string that occurs nowhere else."""
        planted = f"Planterat{uuid4().hex[:14].translate(LETTERS)}"
        self.planted[planted] = set(knowing)
        return planted

    def read_by(self, viewer: UUID, tokens: Iterable[str]) -> tuple[str, ...]:
        """Those of the strings that this person may read."""
        return tuple(one for one in tokens if viewer in self.planted[one])

    def meet(self, viewers: Iterable[UUID], people: Iterable[UUID]) -> None:
        """These may know the names of those, because they sit in a talk together or work at one school."""
        for viewer in viewers:
            self.knows.setdefault(viewer, set()).update(people)


@dataclass(frozen=True)
class Place:
    """A school. `hosts` by class; `pupils` by class; `author` opened its rounds."""

    name: str
    school: UUID
    tenant: UUID
    hosts: Mapping[UUID, str]
    pupils: Mapping[UUID, tuple[str, ...]]
    principal: str
    mentors: tuple[str, ...]
    author: str
    officer: str
    state: RoundState
    number: int


@dataclass
class Settling:
    """Writes the town into the scheduling service's database."""

    kit: Kit
    here: Stage
    who: Mapping[str, UUID]
    teaches: Mapping[UUID, set[UUID]]
    answers_for: Mapping[UUID, set[UUID]]
    town: Town
    slots: dict[tuple[UUID, UUID], list[t.Slot]] = field(default_factory=dict)
    town_words: dict[UUID, str] = field(default_factory=dict)  # of each message of a conversation

    @cached_property
    def places(self) -> list[Place]:
        """The four schools."""
        s, second = self.here, derived_id("school", self.here.other_school)
        eighth = derived_id("class", s.other_school)
        hosts: list[dict[UUID, str]] = [{s.class_1: "mentor", s.class_1b: "host"}, {s.class_2: "mentor_2"}]
        hosts += [{s.other_class: "other_mentor"}, {eighth: "other_principal_2"}]
        ninth = ("child_2", "protected_child", "adult_pupil", "almost_adult")
        pupils: list[dict[UUID, tuple[str, ...]]] = [
            {s.class_1: ("child_1",), s.class_1b: ("stranger_child",)},
            {s.class_2: ninth},
        ]
        pupils += [{s.other_class: ("other_child",)}, {eighth: ("other_child_2",)}]
        booking, wishes, proposed = RoundState.BOOKING, RoundState.WISHES, RoundState.PROPOSED
        rows = [
            ("one", s.school_1, HERE, "principal", ("mentor",), "mentor", "officer", booking),
            ("two", s.school_2, HERE, "principal_2", ("mentor_2",), "principal_2", "officer", proposed),
            ("other", s.other_school, ELSEWHERE, "other_principal", ("other_mentor",), "other_mentor", "", booking),
            ("second", second, ELSEWHERE, "other_principal_2", (), "other_principal_2", "", wishes),
        ]
        return [
            Place(name, school, tenant, hosts[n], pupils[n], head, mentors, author, office or "other_officer", state, n)
            for n, (name, school, tenant, head, mentors, author, office, state) in enumerate(rows)
        ]

    def ids(self, *names: str) -> frozenset[UUID]:
        """Some people."""
        return frozenset(self.who[one] for one in names)

    def guardians(self, pupil: UUID) -> frozenset[UUID]:
        """Who answers for the pupil today."""
        return frozenset(one for one, some in self.answers_for.items() if pupil in some and one != pupil)

    def teachers(self, pupil: UUID) -> frozenset[UUID]:
        """The mentor and the principal of today."""
        return frozenset(one for one, some in self.teaches.items() if pupil in some)

    def readers(self, pupil: UUID) -> frozenset[UUID]:
        """Who was let in by everybody's consent."""
        return self.ids("friend") if pupil == self.who["child_1"] else frozenset()

    def staff(self, place: Place) -> frozenset[UUID]:
        """The mentors and the principal of a school."""
        return self.ids(place.principal, *place.mentors)

    def circle(self, place: Place) -> frozenset[UUID]:
        """Everybody to whom a round or a room of the school may be named: staff, hosts, officers, and its families."""
        pupils = {self.who[one] for some in place.pupils.values() for one in some}
        homes = {one for pupil in pupils for one in (pupil, *self.guardians(pupil), *self.readers(pupil))}
        return self.staff(place) | self.ids(*place.hosts.values(), place.officer) | homes

    def near(self, pupil: UUID) -> frozenset[UUID]:
        """Those of whom everything about this pupil is asked."""
        return self.ids(*next((names for one, names in NEAR.items() if self.who[one] == pupil), ()))

    def keep(self, kind: str, thing: Thing) -> Thing:
        """Remember it for the attacks."""
        self.town.things.setdefault(kind, []).append(thing)
        return thing


async def put(db: AsyncSession, *rows: Any) -> None:
    """Write rows that hang on nothing in the same call."""
    db.add_all(rows)
    await db.flush()


def round_row(here: Settling, place: Place, state: RoundState, mark: str, title: str, author: str) -> t.Round:
    """A round of a school, as it stands."""
    booking = state is RoundState.BOOKING
    return t.Round(
        round_id=derived_id("round", place.school, mark),
        version=1,
        tenant_id=place.tenant,
        school_id=place.school,
        author_id=here.who[author],
        kind=TalkKind.DEVELOPMENT,
        title=title,
        state=state,
        talk_minutes=25,
        pause_minutes=5,
        longest_run=50,
        separate_talks=True,
        video=True,
        others_may_attend=False,
        answer_by=TEN - DAY if state in (RoundState.BOOKING, RoundState.PROPOSED, RoundState.CLOSED) else TEN + 3 * DAY,
        books_from=TEN - timedelta(hours=2) if booking else None,
        books_until=TEN + 6 * DAY if state is not RoundState.CLOSED else TEN - 9 * DAY,
        created_at=TEN - 20 * DAY,
    )


async def rounds(here: Settling, db: AsyncSession, place: Place) -> None:
    """The round that runs, one that is over, drafts to open and to close, and one without talks to decide about."""
    states = {
        "now": place.state,
        "over": RoundState.CLOSED,
        "draft": RoundState.DRAFT,
        "shut": RoundState.DRAFT,
        "spare": RoundState.WISHES,
        "asked": RoundState.WISHES,
    }
    for mark, state in states.items():
        author = {("one", "over"): "gone_host", ("one", "asked"): "mentor_2"}.get((place.name, mark), place.author)
        title = here.town.plant(here.circle(place))
        row = round_row(here, place, state, mark, title, author)
        await put(db, row)
        groups = dict(list(place.hosts.items())[: 1 if mark not in ("now", "over") else None])
        await put(db, *[t.RoundClass(round_id=row.round_id, group_id=one) for one in groups])
        if mark in ("now", "spare", "over"):
            await _evenings(here, db, place, row, groups)
        _keep_round(here, place, row, mark, groups)


def _keep_round(here: Settling, place: Place, row: t.Round, mark: str, groups: Mapping[UUID, str]) -> None:
    mine = frozenset(here.who[one] for one in place.mentors if {*groups.values()} <= {one})
    author = here.ids(place.author) if row.author_id == here.who[place.author] else frozenset()
    leads = here.ids(place.principal) | mine | author
    hosts = here.ids(*groups.values()) if mark in ("now", "spare", "over") else frozenset()
    runs = here.ids(place.principal, place.officer) | author
    may = {"see": leads | hosts | here.staff(place) | here.ids(place.officer), "lead": leads, "run": runs}
    may |= {"busy": leads | hosts}
    first = here.ids(place.principal)
    near = here.ids("gone_host", "mentor_2", "host") if place.name == "one" else frozenset()
    doing = {"draft": "open", "shut": "close", "asked": "book", "spare": "means"}.get(mark, "")
    here.keep(
        "round",
        Thing(
            row.round_id,
            may,
            {doing: first} if doing else {},
            (row.title,),
            {"mark": mark, "host": here.who[next(iter(groups.values()))], "place": place, "near": near},
        ),
    )


async def _evenings(here: Settling, db: AsyncSession, place: Place, row: t.Round, groups: Mapping[UUID, str]) -> None:
    """Two evenings with a dozen times for each host, in rooms of their own; other days at each school."""
    shift = {"now": 0, "spare": 20, "over": -60}[
        next(k for k in ("now", "spare", "over") if row.round_id == _id(place, k))
    ]
    days = [EVENING + (shift + 2 * place.number + n) * DAY for n in range(2)]
    for day in days:
        await put(db, t.RoundDay(round_id=row.round_id, day=day, starts=time(15), ends=time(21)))
    for name in dict.fromkeys(groups.values()):
        host = here.who[name]
        room = t.Room(room_id=uuid4(), school_id=place.school, name=here.town.plant(here.circle(place)))
        await put(db, room)
        await put(db, t.Host(round_id=row.round_id, host_id=host, room_id=room.room_id, video=True))
        begin = [at("15:00", day) + n * timedelta(minutes=30) for day in days for n in range(12)]
        made = [_slot(row.round_id, host, starts) for starts in begin]
        here.slots[row.round_id, host] = list(made)
        await put(db, *made)
    if place.name == "one" and row.round_id == _id(place, "over"):
        await put(db, t.Host(round_id=row.round_id, host_id=here.who["gone_host"]))


def _id(place: Place, mark: str) -> UUID:
    return derived_id("round", place.school, mark)


def _slot(round_id: UUID, host: UUID, starts: datetime) -> t.Slot:
    its = derived_id("slot", round_id, host, starts.isoformat())
    return t.Slot(
        slot_id=its, round_id=round_id, host_id=host, starts_at=starts, ends_at=starts + timedelta(minutes=25)
    )


async def occupy(db: AsyncSession, talk: t.Talk, slot: t.Slot, hold: t.Hold | None = None) -> None:
    """What a talk takes at this time, for good or for a hold."""
    placement = Placement(
        talk_id=talk.talk_id,
        slot_id=slot.slot_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        school_id=talk.school_id,
        host_id=slot.host_id,
        pupil_id=talk.pupil_id,
        guardian_ids=tuple(talk.guardian_ids),
    )
    kept = {"hold": hold.hold_id if hold else None, "until": hold.until if hold else None}
    for one in uses(placement):
        its = {"tenant": talk.tenant_id, "resource": one.resource_id, "starts": one.starts_at, "ends": one.ends_at}
        await db.execute(OCCUPY, {**its, "talk": talk.talk_id, **kept})


def choice(talk: t.Talk, slot: t.Slot) -> dict[str, Any]:
    """A time as a hold keeps it."""
    times = {"starts_at": slot.starts_at.isoformat(), "ends_at": slot.ends_at.isoformat()}
    return {**Choice(talk.talk_id, slot.slot_id).to_json(), **times, "place": None, "video": False}
