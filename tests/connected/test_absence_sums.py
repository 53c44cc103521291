"""How much each pupil has been absent, by subject, on a real database: said when it changes, and never wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from deploy.embedded.postgres import Postgres
from services.absence import tables
from services.absence.consumers import readers
from services.absence.domain import SUMS, Rules, parts_of
from services.absence.jobs import begin_sums, due_handlers, sum_up
from shared.clock import ManualClock
from shared.due.worker import DueWorker
from shared.events.absence import AbsenceSummed, SubjectAbsence
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Event, Received
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.messaging.reader import Batch
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
EVENING = datetime(2026, 11, 23, 16, 45, tzinfo=UTC)  # 17:45 in Stockholm
MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC)
RULES = Rules()
BROHAMN, FJORDBY = uuid4(), uuid4()
BJORK, LIND, FJORD = uuid4(), uuid4(), uuid4()
SWEDISH, MATHS = sorted([uuid4(), uuid4()])
EVERYTHING = {part.ref for zone in (RULES.zone, "Europe/Oslo") for part in parts_of(zone)}


@pytest.fixture(scope="module")
async def shared_kit(postgres: Postgres) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "absence", tables.metadata, tables.kit, ManualClock(EVENING))
    yield kit
    await kit.close()


@pytest.fixture
async def kit(shared_kit: Kit) -> Kit:
    await empty(shared_kit)
    return shared_kit


async def empty(kit: Kit) -> None:
    """Begin with three schools in two countries and nothing else."""
    kit.clock.instant = EVENING  # type: ignore[attr-defined]
    async with kit.sessions.begin() as session:
        for table in tables.metadata.sorted_tables:
            if table.name not in ("inbox", "read_position"):
                await session.execute(delete(table))
    places = [(BJORK, BROHAMN, RULES.zone), (LIND, BROHAMN, RULES.zone), (FJORD, FJORDBY, "Europe/Oslo")]
    await hear(
        kit,
        *[
            SchoolStated(school_id=school, version=1, tenant_id=tenant, name="S", zone=zone)
            for school, tenant, zone in places
        ],
    )


async def hear(kit: Kit, *events: Event) -> None:
    for reader in readers(RULES):
        mine = [
            Received(e, str(uuid4()).encode(), None, e.topic, 0, 0) for e in events if e.event_type in reader.wanted
        ]
        if mine:
            async with kit.sessions.begin() as session:
                await reader.handle(session, Batch(mine, kit.clock.now()))


async def summed(kit: Kit, struck: set[UUID] = EVERYTHING) -> dict[UUID, AbsenceSummed]:
    """What is said when these parts are due."""
    async with kit.sessions.begin() as session:
        said = [one.event for one in await sum_up(session, struck, RULES, kit.clock.now())]
    found = {one.pupil_id: one for one in said if isinstance(one, AbsenceSummed)}
    assert len(found) == len(said), "each pupil once"
    return found


def lesson(day: date = date(2026, 11, 23), hour: int = 8, **more: Any) -> LessonPlanned:
    start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    values = {
        "lesson_id": uuid4(),
        "version": 1,
        "school_id": BJORK,
        "starts_at": start,
        "ends_at": start + timedelta(minutes=50),
        "subject_id": SWEDISH,
    }
    return LessonPlanned.model_validate(values | more)


def result(pupil: UUID, held: LessonPlanned, invalid: int = 0, valid: int = 0, **more: Any) -> AttendanceRecorded:
    values = {
        "pupil_id": pupil,
        "lesson_id": held.lesson_id,
        "version": 1,
        "school_id": held.school_id,
        "starts_at": held.starts_at,
        "ends_at": held.ends_at,
        "is_reported": True,
        "valid_minutes": valid,
        "invalid_minutes": invalid,
    }
    return AttendanceRecorded.model_validate(values | more)


def report(pupil: UUID, first: datetime, last: datetime, **more: Any) -> AbsenceReported:
    values = {"report_id": uuid4(), "version": 1, "pupil_id": pupil, "starts_at": first, "ends_at": last}
    return AbsenceReported.model_validate(values | more)


async def test_a_pupils_absence_is_summed_by_subject_with_reason_and_without(kit: Kit) -> None:
    pupil, first, second, third = uuid4(), lesson(), lesson(hour=9), lesson(hour=10, subject_id=MATHS)
    await hear(kit, first, second, third)
    await hear(kit, result(pupil, first, invalid=50), result(pupil, second, valid=20), result(pupil, third))
    [said] = (await summed(kit)).values()
    assert (said.pupil_id, said.school_id, said.tenant_id) == (pupil, BJORK, BROHAMN)
    assert (said.since, said.until) == (date(2026, 8, 1), date(2026, 11, 23))
    assert said.subjects == (
        SubjectAbsence(subject_id=SWEDISH, lessons=2, planned=100, valid=20, invalid=50),
        SubjectAbsence(subject_id=MATHS, lessons=1, planned=50, valid=0, invalid=0),
    )


async def test_what_the_home_reported_has_a_reason_if_it_covers_the_whole_lesson(kit: Kit) -> None:
    pupil, first, second = uuid4(), lesson(), lesson(hour=9)
    await hear(kit, first, second, result(pupil, first, invalid=50), result(pupil, second, invalid=50))
    await hear(kit, report(pupil, first.starts_at, second.ends_at - timedelta(minutes=1)))
    [said] = (await summed(kit)).values()
    [subject] = said.subjects
    assert (subject.valid, subject.invalid) == (50, 50)


async def test_lessons_that_nobody_reported_and_those_to_come_never_count(kit: Kit) -> None:
    pupil, held, coming, dropped = uuid4(), lesson(), lesson(hour=17), lesson(hour=11, cancelled=True)
    last_year = lesson(date(2026, 7, 31), 12)
    await hear(kit, held, coming, dropped, last_year)
    await hear(
        kit,
        result(pupil, held, invalid=50, is_reported=False),
        result(pupil, lesson(hour=9), invalid=50, withdrawn=True),
        *[result(pupil, one, invalid=50) for one in (coming, dropped, last_year)],
    )
    assert await summed(kit) == {}


async def test_the_same_sums_are_said_once_and_a_change_again_with_a_higher_version(kit: Kit) -> None:
    pupil, still, held = uuid4(), uuid4(), lesson()
    await hear(kit, held, result(pupil, held, invalid=50), result(still, held))
    first = await summed(kit)
    assert set(first) == {pupil, still}
    assert await summed(kit) == {}
    await hear(kit, result(pupil, held, invalid=30, version=2))
    [again] = (await summed(kit)).values()
    assert again.pupil_id == pupil
    assert again.version > first[pupil].version
    assert again.subjects[0].invalid == 30


async def test_when_every_result_was_taken_back_the_sum_is_said_to_be_nothing(kit: Kit) -> None:
    pupil, held = uuid4(), lesson()
    await hear(kit, held, result(pupil, held, invalid=50))
    await summed(kit)
    await hear(kit, result(pupil, held, invalid=50, version=2, withdrawn=True))
    [said] = (await summed(kit)).values()
    assert (said.pupil_id, said.subjects) == (pupil, ())
    assert await summed(kit) == {}


async def test_a_new_municipality_learns_nothing_of_the_absence_in_the_old_one(kit: Kit) -> None:
    pupil, before, now = uuid4(), lesson(date(2026, 9, 1)), lesson(school_id=FJORD, subject_id=MATHS)
    await hear(kit, before, now, result(pupil, before, invalid=50))
    assert (await summed(kit))[pupil].tenant_id == BROHAMN
    await hear(kit, result(pupil, now))
    [said] = (await summed(kit)).values()
    assert (said.tenant_id, said.school_id) == (FJORDBY, FJORD)
    assert [one.subject_id for one in said.subjects] == [MATHS]


async def test_another_school_of_the_municipality_goes_on_with_the_same_sum(kit: Kit) -> None:
    pupil, before, now = uuid4(), lesson(date(2026, 9, 1)), lesson(school_id=LIND)
    await hear(kit, before, now, result(pupil, before, invalid=50), result(pupil, now))
    [said] = (await summed(kit)).values()
    assert (said.school_id, said.subjects[0].lessons, said.subjects[0].invalid) == (LIND, 2, 50)


async def test_each_day_is_summed_at_half_past_five_where_the_school_is_and_plans_the_next(kit: Kit) -> None:
    clock, pupil, held = kit.clock, uuid4(), lesson()
    assert isinstance(clock, ManualClock)
    clock.instant = MORNING
    await begin_sums(kit, RULES)
    await begin_sums(kit, RULES)  # a service that starts again plans nothing twice
    await hear(kit, held, result(pupil, held, invalid=50))
    worker = DueWorker(kit, {SUMS: due_handlers(RULES)[SUMS]})
    clock.instant = datetime(2026, 11, 23, 16, 29, tzinfo=UTC)
    assert await worker.round() == 0
    clock.instant = datetime(2026, 11, 23, 16, 35, tzinfo=UTC)
    assert await worker.round() == len(EVERYTHING)
    async with kit.sessions() as session:
        outbox = kit.tables.outbox.c
        said = (await session.scalars(select(outbox.value).where(outbox.event_type == AbsenceSummed.event_type))).all()
        due = (await session.scalars(text("select due_at from due where kind = 'absence.sums'"))).all()
    assert [AbsenceSummed.model_validate_json(one).pupil_id for one in said] == [pupil]
    assert len(due) == len(EVERYTHING)
    assert {at.astimezone(UTC).date() for at in due} == {date(2026, 11, 24)}


async def test_a_batch_of_results_asks_no_more_than_before(kit: Kit) -> None:
    held, seen = lesson(), list[str]()
    await hear(kit, held)
    from sqlalchemy import event

    engine = kit.engine.sync_engine

    def count(*given: Any) -> None:
        seen.append(given[2])

    event.listen(engine, "before_cursor_execute", count)
    try:
        await hear(kit, result(uuid4(), held), result(uuid4(), held))
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert not [one for one in seen if "absence_sum" in one or "subject_id" in one]


PUPILS = [UUID(int=(number << 120) | 7) for number in (1, 2, 250)]  # in different parts
FACTS = st.lists(
    st.tuples(
        st.sampled_from(PUPILS),
        st.integers(0, 11),  # which lesson
        st.sampled_from([0, 25, 50]),  # minutes with a reason
        st.sampled_from([0, 25, 50]),  # and without
        st.sampled_from(["", "", "", "withdrawn", "unreported"]),
    ),
    max_size=30,
)
REPORTS = st.lists(st.tuples(st.sampled_from(PUPILS), st.integers(0, 11), st.integers(0, 3), st.booleans()), max_size=6)
STEPS = st.lists(st.tuples(FACTS, REPORTS), min_size=1, max_size=3)


def timetable() -> list[LessonPlanned]:
    """Twelve lessons on as many days: two subjects and none, two schools, one cancelled."""
    subjects = (SWEDISH, MATHS, None)
    return [
        lesson(
            date(2026, 11, 2) + timedelta(days=number),
            subject_id=subjects[number % 3],
            school_id=LIND if number > 8 else BJORK,
            cancelled=number == 5,
        )
        for number in range(12)
    ]


def recount(
    results: Sequence[AttendanceRecorded], reports: Sequence[AbsenceReported], held: Sequence[LessonPlanned]
) -> Any:
    """The same by plain counting."""
    plans = {one.lesson_id: one for one in held}
    sums: dict[UUID, dict[UUID | None, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    for one in results:
        plan = plans[one.lesson_id]
        if one.withdrawn or not one.is_reported or plan.cancelled:
            continue
        excused = any(
            said.pupil_id == one.pupil_id
            and not said.withdrawn
            and said.starts_at <= one.starts_at
            and said.ends_at >= one.ends_at
            for said in reports
        )
        line = sums[one.pupil_id][plan.subject_id]
        line[0] += 1
        line[1] += 50
        line[2] += one.valid_minutes + (one.invalid_minutes if excused else 0)
        line[3] += 0 if excused else one.invalid_minutes
    return {pupil: {subject: tuple(line) for subject, line in lines.items()} for pupil, lines in sums.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_however_results_and_reports_come_the_last_word_is_what_a_plain_count_says(
    shared_kit: Kit, steps: list[tuple[Any, Any]]
) -> None:
    await empty(shared_kit)
    held, version = timetable(), 0
    await hear(shared_kit, *held)
    results: dict[tuple[UUID, UUID], AttendanceRecorded] = {}
    reports: list[AbsenceReported] = []
    heard: dict[UUID, AbsenceSummed] = {}
    for facts, said in steps:
        for pupil, number, valid, invalid, flaw in facts:
            version += 1
            more = {"version": version, "withdrawn": flaw == "withdrawn", "is_reported": flaw != "unreported"}
            one = result(pupil, held[number], min(invalid, 50 - valid), valid, **more)
            results[one.pupil_id, one.lesson_id] = one
            await hear(shared_kit, one)
        for pupil, number, days, withdrawn in said:
            last = held[min(number + days, 11)].ends_at
            reports.append(report(pupil, held[number].starts_at, last, withdrawn=withdrawn))
            await hear(shared_kit, reports[-1])
        for pupil, fresh in (await summed(shared_kit)).items():
            assert pupil not in heard or fresh.version > heard[pupil].version
            assert (
                pupil not in heard
                or fresh.subjects != heard[pupil].subjects
                or fresh.school_id != heard[pupil].school_id
            )
            heard[pupil] = fresh
        found = {
            pupil: {one.subject_id: (one.lessons, one.planned, one.valid, one.invalid) for one in last_word.subjects}
            for pupil, last_word in heard.items()
            if last_word.subjects
        }
        assert found == recount(list(results.values()), reports, held)
