"""Whatever families and schools do, in whatever order: nobody and nothing is in two places, and the books agree."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.embedded.postgres import Postgres
from services.scheduling import placing
from services.scheduling import tables as t
from services.scheduling.booking import Request
from services.scheduling.desk import Desk
from services.scheduling.domain.placing import Choice
from services.scheduling.domain.rounds import RoundState
from services.scheduling.errors import Clash
from services.scheduling.jobs.waiting import waiting_handlers
from shared.clock import ManualClock
from shared.events.scheduling import TalkState
from shared.ids import new_id
from tests.talks_stage import CLASS_OF, HERE, MENTOR_OF, NINE, Stage, talks_stage

pytestmark = pytest.mark.connected
HOMES = {"ebba": "anna", "emil": "bo", "olle": "anna", "noor": "nadia", "nabil": "nils", "filip": "frida"}
PUPILS = list(HOMES)
ACTS = st.tuples(
    st.sampled_from(["book", "book", "hold", "confirm", "cancel", "propose", "accept", "wait", "later", "back", "two"]),
    st.sampled_from(PUPILS),
    st.sampled_from(PUPILS),
    st.integers(0, 5),
)


class Play:
    """One round of everything, on the stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.desk, self.holds = stage, Desk(stage.kit), list[tuple[str, UUID]]()
        self.rounds: dict[str, UUID] = {}
        self.slots: dict[str, list[t.Slot]] = {}

    async def begin(self) -> None:
        """Two rounds, open for booking; one guardian needs an interpreter, and there is one."""
        north = await self.stage.round(RoundState.BOOKING, "6A", "4B")
        south = await self.stage.round(RoundState.BOOKING, "9C")
        self.rounds = {"6A": north, "4B": north, "9C": south}
        for name, round_id in self.rounds.items():
            self.slots[name] = await self.stage.slots(round_id, MENTOR_OF[name])
        first, somebody = self.slots["6A"][0].starts_at, new_id()
        async with self.stage.kit.sessions.begin() as session:
            now, hours = self.stage.clock.now(), timedelta(hours=3)
            session.add(t.Need(person_id=self.stage.who["nadia"], tenant_id=HERE, interpreter="ar", answered_at=now))
            session.add(t.Interpreter(interpreter_id=somebody, tenant_id=HERE, name="Tolken", languages=["ar"]))
            await session.flush()
            block = t.InterpreterBlock(
                block_id=new_id(), interpreter_id=somebody, starts_at=first, ends_at=first + hours
            )
            session.add(block)

    def choice(self, pupil: str, place: int) -> tuple[UUID, UUID]:
        """A time for a pupil's talk."""
        name = CLASS_OF[pupil]
        return self.stage.talk_id(self.rounds[name], pupil), self.slots[name][place].slot_id

    def request(self, pupil: str, *wanted: tuple[UUID, UUID], **more: object) -> Request:
        """What the pupil's guardian asks for."""
        return Request(self.stage.who[HOMES[pupil]], HERE, wanted, **more)  # type: ignore[arg-type]

    async def act(self, what: str, one: str, other: str, place: int) -> None:
        """Do one thing; a clash changes nothing."""
        try:
            await getattr(self, what)(one, other, place)
        except Clash:
            pass

    async def book(self, one: str, _: str, place: int) -> None:
        await self.desk.ask(self.request(one, self.choice(one, place)))

    async def two(self, one: str, other: str, place: int) -> None:
        wants = [self.request(each, self.choice(each, place)) for each in (one, other)]
        await asyncio.gather(
            *[desk.ask(want) for desk, want in zip((self.desk, Desk(self.stage.kit)), wants, strict=True)]
        )

    async def hold(self, one: str, other: str, place: int) -> None:
        wanted = {self.choice(one, place), self.choice(other, (place + 2) % 6)} if HOMES[one] == HOMES[other] else set()
        wanted = wanted or {self.choice(one, place)}
        if len({talk for talk, _ in wanted}) == len(wanted):
            answer = await self.desk.ask(self.request(one, *wanted, keep=timedelta(minutes=5)))
            self.holds += [(one, answer.hold.hold_id)] if answer.hold else []

    async def confirm(self, *_: object) -> None:
        if self.holds:
            pupil, hold = self.holds.pop()
            await self.desk.ask(self.request(pupil, hold=hold, key=str(hold)))

    async def cancel(self, one: str, *_: object) -> None:
        async with self.stage.kit.sessions.begin() as session:
            ids, now = [self.choice(one, 0)[0]], self.stage.clock.now()
            await placing.unplace(session, ids, TalkState.WANTED, now, why="declined")

    async def propose(self, one: str, other: str, place: int) -> None:
        pairs = {self.choice(one, place), self.choice(other, 5 - place)}
        if len({talk for talk, _ in pairs}) == len(pairs):
            async with self.stage.kit.sessions.begin() as session:
                chosen = [Choice(*pair) for pair in pairs]
                await placing.place(session, chosen, TalkState.PROPOSED, self.stage.clock.now())

    async def accept(self, one: str, *_: object) -> None:
        async with self.stage.kit.sessions.begin() as session:
            await placing.confirm(session, [self.choice(one, 0)[0]], self.stage.clock.now())

    async def wait(self, one: str, *_: object) -> None:
        talk, _slot = self.choice(one, 0)
        async with self.stage.kit.sessions.begin() as session:
            if await session.get(t.Waiting, talk) is None:
                row = await session.get_one(t.Talk, talk)
                who, now = self.stage.who[HOMES[one]], self.stage.clock.now()
                round_id, school = row.round_id, row.school_id
                waiting = t.Waiting(talk_id=talk, round_id=round_id, school_id=school, person_id=who, since=now)
                session.add(waiting)

    async def later(self, *_: object) -> None:
        self.stage.clock.advance(timedelta(minutes=5))
        await self.stage.fall_due(waiting_handlers(self.stage.settings))

    async def back(self, *_: object) -> None:
        self.stage.clock.advance(timedelta(minutes=-4))

    async def agrees(self) -> None:
        """The exclusion stands behind it; what the talks say is what is occupied, no more and no less."""
        twice = await self.stage.rows(
            "select 1 from occupancy a join occupancy b on a.resource_id = b.resource_id "
            "and a.occupancy_id < b.occupancy_id and a.during && b.during"
        )
        wrong = await self.stage.rows(
            "select t.talk_id from talk t where (t.slot_id is null) <> (t.starts_at is null) "
            "or (t.slot_id is not null) <> (t.state in ('proposed', 'booked')) "
            "or (t.slot_id is null) <> not exists (select from occupancy o where o.talk_id = t.talk_id "
            "and o.hold_until is null and o.resource_id = t.pupil_id) "
            "or exists (select from slot s where s.slot_id = t.slot_id and s.starts_at <> t.starts_at)"
        )
        used = await self.stage.rows(
            "select t.talk_id from talk t join lateral (select count(*) as n from occupancy o "
            "where o.talk_id = t.talk_id and o.hold_until is null) o on true where t.slot_id is not null and "
            "o.n <> 2 + cardinality(t.guardian_ids) + (t.room_id is not null)::int "
            "+ (t.interpreter_id is not null)::int"
        )
        assert (list(twice), list(wrong), list(used)) == ([], [], [])


async def play(postgres: Postgres, acts: list[tuple[str, str, str, int]]) -> None:
    """All of it, from an empty evening on."""
    async with talks_stage(postgres, ManualClock(NINE)) as stage:
        here = Play(stage)
        await here.begin()
        for one in acts:
            await here.act(*one)
        await here.agrees()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(ACTS, min_size=6, max_size=30))
def test_nothing_that_is_done_in_any_order_books_anything_twice(
    postgres: Postgres, acts: list[tuple[str, str, str, int]]
) -> None:
    asyncio.run(play(postgres, acts))
