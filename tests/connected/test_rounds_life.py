"""A round from its opening to its end, who comes and goes in it, and a whole school year of talks that are owed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete

from deploy.embedded.postgres import Postgres
from services.scheduling.covering import talk_held
from services.scheduling.domain.rounds import RoundState, Stretch
from services.scheduling.jobs.coverage import NIGHTS, coverage_handlers
from services.scheduling.jobs.rounds import round_handlers
from services.scheduling.opening import add_evening, close_round, open_round
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import Need, Slot, Talk
from shared.clock import ManualClock
from shared.db.engine import table_of
from shared.due.worker import DueHandler
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import SchoolStated
from shared.events.scheduling import TalkKind, TalkState, TalkStated
from shared.messaging.outbox import say
from tests.portal_stage import answers, ties
from tests.talks_stage import BORN, CLASS_OF, Stage, at, talks_stage

pytestmark = pytest.mark.connected
HANDLERS: Mapping[str, DueHandler] = {**round_handlers(SchedulingSettings()), **coverage_handlers(SchedulingSettings())}


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock) as here:
        yield here


async def draft(stage: Stage, *classes: str, **fields: object) -> UUID:
    """A round that is planned and not opened: without times and talks."""
    round_id = await stage.round(RoundState.DRAFT, *(classes or ("6A",)), **{"term_id": None, **fields})
    async with stage.kit.sessions.begin() as session:
        await session.execute(delete(Talk).where(table_of(Talk).c.round_id == round_id))
        await session.execute(delete(Slot).where(table_of(Slot).c.round_id == round_id))
    return round_id


async def opened(stage: Stage, *classes: str, **fields: object) -> UUID:
    """A round, opened as its page opens it."""
    round_id = await draft(stage, *classes, **fields)
    now = stage.clock.now()
    async with stage.kit.sessions.begin() as session:
        await say(session, stage.kit.tables, await open_round(session, round_id, now), now)
    return round_id


async def states(stage: Stage, round_id: UUID) -> dict[UUID, str]:
    rows = await stage.rows("select pupil_id, state from talk where round_id = :id", id=round_id)
    return {row.pupil_id: row.state for row in rows}


async def asked(stage: Stage, kind: NotificationKind) -> list[NotificationRequested]:
    return [one for one in await stage.said(NotificationRequested) if one.kind is kind]


async def lacking(stage: Stage, school: str) -> list[NotificationRequested]:
    """What was told of pupils who will soon be late, at this school."""
    told = await asked(stage, NotificationKind.TALKS_LACKING)
    return [one for one in told if one.path == "/talks/rounds" and one.school_id == stage.school[school]]


async def duties(stage: Stage, status: DutyStatus) -> list[DutyMoved]:
    return [one for one in await stage.said(DutyMoved) if one.status is status]


async def hold(stage: Stage, talk_id: UUID) -> None:
    """A talk is held: only what its duty hears of it."""
    now = stage.clock.now()
    async with stage.kit.sessions.begin() as session:
        talk = await session.get_one(Talk, talk_id)
        talk.state, talk.starts_at = TalkState.HELD, now
        await say(session, stage.kit.tables, await talk_held(session, talk, now), now)


async def test_opening_makes_times_talks_and_asks_each_home_once(stage: Stage) -> None:
    round_id = await opened(stage, "6A", "4B")
    assert Counter((await states(stage, round_id)).values()) == {TalkState.WANTED: 10}
    assert len(await stage.slots(round_id, "maja")) == 10  # two evenings of 6, less a break after 5
    assert len(await stage.said(TalkStated)) == 10
    wishes = await asked(stage, NotificationKind.TALK_WISHES)
    assert len(wishes) == 8  # Ebba and Emil have the same home, and so have the twins
    assert {one.path for one in wishes} == {"/talks/wishes"}
    assert len(await duties(stage, DutyStatus.OWED)) == 10


async def test_two_who_open_a_round_at_once_open_it_once(stage: Stage) -> None:
    round_id = await opened(stage)
    async with stage.kit.sessions.begin() as session:
        assert await open_round(session, round_id, stage.clock.now()) == []


async def test_only_those_who_answer_for_the_pupil_are_in_the_talk(stage: Stage) -> None:
    six, nine = await opened(stage, "6A"), await opened(stage, "9C")
    assert set((await stage.talk(six, "ebba")).guardian_ids) == {stage.who["anna"], stage.who["bo"]}
    assert (await stage.talk(nine, "alva")).guardian_ids == []  # of age
    assert (await stage.talk(six, "ebba")).host_id == stage.who["maja"]


async def test_who_asked_for_a_talk_apart_gets_it_where_the_school_grants_it(stage: Stage) -> None:
    async with stage.kit.sessions.begin() as session:
        need = Need(person_id=stage.who["bo"], tenant_id=stage.tenant, apart=True, answered_at=stage.clock.now())
        session.add(need)
    granted, refused = await opened(stage, "6A", separate_talks=True), await opened(stage, "4B")
    rows = await stage.rows(
        "select household, guardian_ids from talk where round_id = :id and pupil_id = :pupil",
        id=granted,
        pupil=stage.who["ebba"],
    )
    assert sorted(row.guardian_ids for row in rows) == sorted([[stage.who["anna"]], [stage.who["bo"]]])
    assert (await stage.talk(refused, "emil")).household == 0


async def test_who_joins_a_class_later_gets_a_talk_and_who_leaves_loses_it(stage: Stage) -> None:
    round_id = await opened(stage, "6A")
    await stage.give(round_id, "ebba", 1)
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(HANDLERS)
    await stage.hear(*stage.person_stated("nova", "north", born=BORN["6A"]))
    inside = ("noor", "pia", "filip", "gustav", "nova")
    await stage.hear(*stage.group_stated("6A", *inside, version=2))
    await stage.forward(1, HANDLERS)
    now = await states(stage, round_id)
    assert now[stage.who["nova"]] == TalkState.WANTED
    assert now[stage.who["ebba"]] == TalkState.CANCELLED
    assert not await stage.rows("select * from occupancy")
    [told] = await asked(stage, NotificationKind.TALK_CANCELLED)
    assert told.pupil_id == stage.who["ebba"]
    await stage.hear(*stage.group_stated("6A", *inside, "ebba", version=3))
    await stage.forward(1, HANDLERS)
    assert (await states(stage, round_id))[stage.who["ebba"]] == TalkState.WANTED


async def test_a_talk_without_a_time_is_with_those_who_answer_for_the_pupil_today(stage: Stage) -> None:
    round_id = await opened(stage, "6A")
    ended = answers(stage.who["bo"], ends=date(2026, 11, 3))
    await stage.hear(ties(stage.tenant, stage.who["ebba"], answers(stage.who["anna"]), ended, version=2))
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(HANDLERS)
    assert len((await stage.talk(round_id, "ebba")).guardian_ids) == 2  # today he still does
    await stage.forward(2, HANDLERS)
    assert (await stage.talk(round_id, "ebba")).guardian_ids == [stage.who["anna"]]
    assert (await stage.said(TalkStated))[-1].guardian_ids == (stage.who["anna"],)


async def test_a_round_goes_on_by_itself_from_wishes_to_its_end(stage: Stage) -> None:
    opens = at("08:00", date(2026, 11, 10))
    round_id = await opened(stage, "6A", books_from=opens, early_minutes=60)
    await stage.give(round_id, "ebba")
    await stage.forward(7, HANDLERS)
    reminders = await asked(stage, NotificationKind.TALKS_LACKING)
    assert {one.to_id for one in reminders} == {stage.who["maja"], stage.who["rut"]}
    assert {(one.count, one.path) for one in reminders} == {(4, f"/talks/rounds/{round_id}")}
    stage.clock.instant = opens - timedelta(minutes=61)
    await stage.fall_due(HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.WISHES
    stage.clock.instant = opens - timedelta(minutes=60)
    await stage.fall_due(HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.BOOKING
    await stage.forward(30, HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.CLOSED
    assert Counter((await states(stage, round_id)).values()) == {TalkState.MISSED: 5}
    assert len([one for one in await stage.said(TalkStated) if one.state is TalkState.MISSED]) == 5


async def test_a_clock_that_jumps_over_everything_leaves_a_round_as_its_steps_would(stage: Stage) -> None:
    round_id = await opened(stage, "6A", books_from=at("08:00", date(2026, 11, 10)))
    stage.clock.instant += timedelta(days=90)
    await stage.fall_due(HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.CLOSED
    assert set((await states(stage, round_id)).values()) == {TalkState.MISSED}
    said = len(await stage.said(TalkStated))
    stage.clock.instant -= timedelta(days=60)  # and back
    await stage.fall_due(HANDLERS)
    assert len(await stage.said(TalkStated)) == said


async def test_one_more_evening_gives_more_times_and_puts_off_the_end(stage: Stage) -> None:
    round_id = await opened(stage, "6A")
    async with stage.kit.sessions.begin() as session:
        late = Stretch(date(2026, 12, 1), time(15), time(17))
        assert await add_evening(session, round_id, late, stage.clock.now()) == [stage.who["maja"]]
    assert len(await stage.slots(round_id, "maja")) == 14
    await stage.forward(30, HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.WISHES
    await stage.forward(8, HANDLERS)
    assert (await stage.rows("select state from round"))[0].state == RoundState.CLOSED


async def test_closing_a_round_cancels_what_is_ahead_and_tells_the_homes(stage: Stage) -> None:
    round_id = await opened(stage, "6A")
    await stage.give(round_id, "ebba")
    now = stage.clock.now()
    async with stage.kit.sessions.begin() as session:
        await say(session, stage.kit.tables, await close_round(session, round_id, now), now)
    assert set((await states(stage, round_id)).values()) == {TalkState.CANCELLED}
    [told] = await asked(stage, NotificationKind.TALK_CANCELLED)
    assert told.appointment
    assert told.appointment.cancelled


async def test_a_start_up_round_is_a_duty_of_its_own(stage: Stage) -> None:
    await opened(stage, "9C", kind=TalkKind.START_UP)
    owed = await duties(stage, DutyStatus.OWED)
    assert {(one.kind, one.day) for one in owed} == {(DutyKind.START_TALK, date(2026, 11, 19))}


async def test_a_pupil_who_moves_takes_the_duty_along_once(stage: Stage) -> None:
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(HANDLERS)
    mine = [one for one in await duties(stage, DutyStatus.OWED) if one.pupil_id == stage.who["ebba"]]
    assert [one.school_id for one in mine] == [stage.school["north"]]
    await stage.hear(*stage.person_stated("ebba", "south", born=BORN["6A"], version=2))
    await stage.forward(3, HANDLERS)
    mine = [one for one in await duties(stage, DutyStatus.OWED) if one.pupil_id == stage.who["ebba"]]
    assert [one.school_id for one in mine] == [stage.school["north"], stage.school["south"]]
    assert len({one.duty_id for one in mine}) == 1
    await stage.hear(*stage.person_stated("ebba", born=BORN["6A"], version=3))
    await stage.forward(3, HANDLERS)
    assert [one.pupil_id for one in await duties(stage, DutyStatus.RETRACTED)] == [stage.who["ebba"]]


async def test_who_lacks_a_talk_is_told_to_mentor_and_principal_once_before_it_is_late(stage: Stage) -> None:
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(HANDLERS)
    round_id = await opened(stage, "6A", days=[(date(2026, 12, 8), "15:00", "18:00")])
    await stage.give(round_id, "ebba")
    await stage.forward(20, HANDLERS)  # to 22 November; the term ends on 21 December
    assert not await lacking(stage, "north")
    await stage.forward(3, HANDLERS)
    north = {stage.who["rut"]: 9, stage.who["maja"]: 4, stage.who["malte"]: 5}
    assert {one.to_id: one.count for one in await lacking(stage, "north")} == north
    await stage.forward(20, HANDLERS)
    assert len(await lacking(stage, "north")) == len(north)


async def test_a_whole_school_year_of_talks_passes_in_seconds(stage: Stage) -> None:
    stage.clock.instant = datetime(2026, 8, 10, 8, 0, tzinfo=UTC)
    await NIGHTS.begin(stage.kit)
    await stage.forward(14, HANDLERS)
    pupils = [one for one, name in CLASS_OF.items() if name != "7X"]
    assert len([one for one in await duties(stage, DutyStatus.OWED) if one.pupil_id != stage.who["uno"]]) == len(pupils)
    for evening, held in ((date(2026, 11, 17), ("ebba", "noor", "pia")), (date(2027, 3, 16), ("ebba", "filip"))):
        stage.clock.instant = max(stage.clock.now(), at("08:00", evening - timedelta(days=20)))
        now = stage.clock.now()
        fields = {"answer_by": now + timedelta(days=7), "books_until": now + timedelta(days=18)}
        round_id = await opened(stage, "6A", days=[(evening, "15:00", "18:00")], **fields)
        await stage.forward(21, HANDLERS)
        for pupil in held:
            await hold(stage, stage.talk_id(round_id, pupil))
    await stage.forward(120, HANDLERS)
    met, missed = await duties(stage, DutyStatus.MET), await duties(stage, DutyStatus.MISSED)
    assert Counter(one.pupil_id for one in met) == {
        stage.who["ebba"]: 2,
        **{stage.who[one]: 1 for one in ("noor", "pia", "filip")},
    }
    theirs = [one for one in missed if one.pupil_id != stage.who["uno"]]
    assert len(theirs) == 2 * len(pupils) - len(met)
    assert {one.day for one in missed} == {date(2026, 12, 21), date(2026, 12, 20), date(2027, 6, 11), date(2027, 6, 18)}
    assert len({one.duty_id for one in (*met, *missed)}) == len(met) + len(missed)
    assert {row.state for row in await stage.rows("select state from round")} == {RoundState.CLOSED}


async def test_a_norwegian_pupil_is_owed_until_the_norwegian_end_of_term(stage: Stage) -> None:
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(HANDLERS)
    [uno] = [one for one in await duties(stage, DutyStatus.OWED) if one.pupil_id == stage.who["uno"]]
    assert uno.day == date(2026, 12, 20)


async def test_on_the_day_clocks_change_the_times_are_those_on_the_wall(stage: Stage) -> None:
    stage.clock.instant = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
    days = [(date(2026, 10, 23), "15:00", "17:00"), (date(2026, 10, 26), "15:00", "17:00")]
    later = {"answer_by": stage.clock.now() + timedelta(days=7), "books_until": stage.clock.now() + timedelta(days=9)}
    round_id = await opened(stage, "6A", days=days, **later)
    assert [slot.starts_at.astimezone(UTC).hour for slot in await stage.slots(round_id, "maja")][::4] == [13, 14]


async def test_a_school_in_two_zones_is_looked_through_at_its_own_midnight(stage: Stage) -> None:
    island = SchoolStated(
        school_id=stage.school["south"], version=2, tenant_id=stage.tenant, name="Lindskolan", zone="Europe/Helsinki"
    )
    await stage.hear(island)
    await NIGHTS.begin(stage.kit)
    assert len(await stage.rows("select * from due where kind = 'talks_night'")) == 3
    await stage.fall_due(HANDLERS)
    due = await stage.rows("select due_at from due where kind = 'talks_night' order by due_at")
    assert due[0].due_at < due[-1].due_at
