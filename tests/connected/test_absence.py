"""The absence service on a real database: facts in, notices and requests out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from deploy.embedded.postgres import Postgres
from services.absence import tables
from services.absence.consumers import readers
from services.absence.domain import NoticeStatus, Rules, notice_id
from services.absence.jobs import due_handlers
from services.absence.tables import NoticeRow
from shared.clock import ManualClock
from shared.due.worker import DueWorker
from shared.events.absence import LessonUnreported
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.catalogue import CATALOGUE
from shared.events.duties import DutyMoved, DutyStatus
from shared.events.envelope import Event, Received
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import PersonStated, SchoolStated
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.messaging.reader import Batch
from tests.conftest import SCHOOL_MORNING
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
DAY = date(2026, 11, 23)
RULES = Rules()
SCHOOL = uuid4()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Desk:
    """A desk at which the service works without Kafka: its own handlers on its own database."""

    kit: Kit
    clock: ManualClock
    rules: Rules = RULES
    versions: count[int] = field(default_factory=lambda: count(1))

    async def hear(self, *events: Event) -> None:
        roster, attendance, *_ = readers(self.rules)
        for reader in (roster, attendance):
            mine = [_received(event) for event in events if event.event_type in reader.wanted]
            if not mine:
                continue
            async with self.kit.sessions.begin() as session:
                said = await reader.handle(session, Batch(mine, self.clock.now()))
                await say(session, self.kit.tables, said, self.clock.now())

    async def pass_time(self, **step: float) -> None:
        self.clock.advance(timedelta(**step))
        while await DueWorker(self.kit, due_handlers(self.rules)).round():
            pass

    async def said(self, kind: type[Event]) -> list[Event]:
        async with self.kit.sessions() as session:
            outbox = self.kit.tables.outbox
            mine = select(outbox.c.value).where(outbox.c.event_type == kind.event_type).order_by(outbox.c.id)
            return [CATALOGUE[kind.event_type].model_validate_json(v) for v in await session.scalars(mine)]

    async def asked(self, pupil: UUID | None = None) -> list[NotificationKind]:
        requests = [e for e in await self.said(NotificationRequested) if isinstance(e, NotificationRequested)]
        return [request.kind for request in requests if request.pupil_id == pupil]

    async def notices(self, pupil: UUID) -> Sequence[NoticeRow]:
        async with self.kit.sessions() as session:
            rows = await session.scalars(select(NoticeRow).where(NoticeRow.pupil_id == pupil).order_by(NoticeRow.round))  # type: ignore[arg-type]
            return rows.all()

    def result(self, pupil: UUID, hour: int = 8, invalid: int = 60, **more: object) -> AttendanceRecorded:
        start = datetime(2026, 11, 23, hour, tzinfo=UTC)
        values = {
            "pupil_id": pupil,
            "lesson_id": UUID(int=pupil.int ^ hour),
            "version": next(self.versions),
            "school_id": SCHOOL,
            "starts_at": start,
            "ends_at": start + timedelta(hours=1),
            "is_reported": True,
            "invalid_minutes": invalid,
        }
        return AttendanceRecorded.model_validate(values | more)

    def report(self, pupil: UUID, first: int, last: int, **more: object) -> AbsenceReported:
        values = {
            "report_id": uuid4(),
            "version": next(self.versions),
            "pupil_id": pupil,
            "starts_at": datetime(2026, 11, 23, first, tzinfo=UTC),
            "ends_at": datetime(2026, 11, 23, last, tzinfo=UTC),
        }
        return AbsenceReported.model_validate(values | more)


def _received(event: Event) -> Received[Event]:
    return Received(event, str(uuid4()).encode(), None, event.topic, 0, 0)


def pupil_of(born: date = date(2012, 5, 5)) -> tuple[UUID, PersonStated]:
    pupil = uuid4()
    return pupil, PersonStated(person_id=pupil, version=1, born=born, school_ids=(SCHOOL,))


@pytest.fixture(scope="module")
async def kit(postgres: Postgres) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "absence", tables.metadata, tables.kit, ManualClock(SCHOOL_MORNING))
    yield kit
    await kit.close()


@pytest.fixture
async def desk(kit: Kit, clock: ManualClock) -> Desk:
    async with kit.sessions.begin() as session:
        for table in tables.metadata.sorted_tables:
            await session.execute(delete(table))
    clock.instant = NOON
    kit.clock = clock
    desk = Desk(kit, clock)
    await desk.hear(SchoolStated(school_id=SCHOOL, version=1, name="Björkskolan"))
    return desk


async def test_a_missing_child_is_noticed_once_a_day_when_the_grace_period_is_over(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil, 8))
    await desk.pass_time(minutes=14)
    assert await desk.asked(pupil) == []
    await desk.hear(desk.result(pupil, 9))
    await desk.pass_time(minutes=2)
    await desk.hear(desk.result(pupil, 10), desk.result(pupil, 11))
    await desk.pass_time(hours=2)
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE]
    [notice] = await desk.notices(pupil)
    assert (notice.status, notice.lessons) == (NoticeStatus.OWED, 4)
    assert [e.status for e in await desk.said(DutyMoved) if isinstance(e, DutyMoved)] == [DutyStatus.OWED]


async def test_a_correction_within_the_grace_period_says_nothing_to_anybody(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil))
    await desk.hear(desk.result(pupil, invalid=0))
    await desk.pass_time(hours=1)
    assert await desk.asked(pupil) == []
    assert await desk.said(DutyMoved) == []


async def test_a_home_report_within_the_grace_period_says_nothing_either(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil, 8), desk.result(pupil, 9))
    await desk.hear(desk.report(pupil, 7, 15))
    await desk.pass_time(hours=1)
    assert await desk.asked(pupil) == []


async def test_a_home_report_that_was_withdrawn_excuses_nothing(desk: Desk) -> None:
    pupil, person = pupil_of()
    report = desk.report(pupil, 7, 15)
    await desk.hear(person, report, desk.result(pupil))
    await desk.hear(report.model_copy(update={"withdrawn": True, "version": report.version + 1000}))
    await desk.pass_time(hours=1)
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE]


async def test_a_correction_after_the_notice_is_told_in_the_same_channel(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    await desk.hear(desk.result(pupil, invalid=0))
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE, NotificationKind.ABSENCE_RETRACTION]
    notice, retraction = await desk.said(NotificationRequested)
    assert isinstance(notice, NotificationRequested)
    assert isinstance(retraction, NotificationRequested)
    assert retraction.about_id == notice.notification_id


async def test_a_result_the_registry_takes_back_is_a_correction_too(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    await desk.hear(desk.result(pupil, withdrawn=True))
    assert (await desk.asked(pupil))[-1] is NotificationKind.ABSENCE_RETRACTION


async def test_a_child_missing_again_after_a_retraction_is_noticed_anew(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    await desk.hear(desk.result(pupil, invalid=0))
    await desk.hear(desk.result(pupil, 13))
    await desk.pass_time(hours=7)
    assert await desk.asked(pupil) == [
        NotificationKind.ABSENCE_NOTICE,
        NotificationKind.ABSENCE_RETRACTION,
        NotificationKind.ABSENCE_NOTICE,
    ]
    assert [n.notice_id for n in await desk.notices(pupil)] == [notice_id(pupil, DAY, 1), notice_id(pupil, DAY, 2)]


async def test_a_home_that_explains_after_the_notice_has_understood_and_gets_no_second_mail(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    await desk.hear(desk.report(pupil, 7, 15))
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE]
    assert (await desk.said(DutyMoved))[-1].status is DutyStatus.UNDERSTOOD  # type: ignore[attr-defined]


async def test_an_unreported_result_never_counts_as_absence(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(person, desk.result(pupil, is_reported=False))
    await desk.pass_time(hours=1)
    assert await desk.notices(pupil) == []


async def test_nothing_is_owed_for_a_pupil_who_is_of_age_today(desk: Desk) -> None:
    pupil, person = pupil_of(born=date(2008, 11, 23))
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    assert await desk.asked(pupil) == []
    assert [n.status for n in await desk.notices(pupil)] == [NoticeStatus.NOT_OWED]


async def test_absence_registered_the_day_after_is_noticed_as_late(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.pass_time(days=1)
    await desk.hear(person, desk.result(pupil))
    await desk.pass_time(hours=1)
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE_LATE]


async def test_a_pupil_the_roster_has_not_told_of_yet_is_waited_for(desk: Desk) -> None:
    pupil, person = pupil_of()
    await desk.hear(desk.result(pupil))
    await desk.pass_time(minutes=15)
    assert await desk.asked(pupil) == []
    await desk.hear(person)
    await desk.pass_time(seconds=31)
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE]


async def test_without_a_grace_period_the_request_goes_out_with_the_result(desk: Desk) -> None:
    pupil, person = pupil_of()
    desk.rules = Rules(grace=timedelta(0))
    await desk.hear(person, desk.result(pupil, 8))
    assert await desk.asked(pupil) == [NotificationKind.ABSENCE_NOTICE]


async def test_a_school_is_told_once_about_lessons_nobody_reported_and_no_home_is(desk: Desk) -> None:
    pupil, person = pupil_of()
    desk.clock.instant = SCHOOL_MORNING
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    lessons = [
        LessonPlanned(
            lesson_id=uuid4(),
            version=1,
            school_id=SCHOOL,
            starts_at=start,
            ends_at=start + timedelta(hours=1),
            cancelled=cancelled,
            attendance_taken=taken,
        )
        for cancelled, taken in ((False, True), (False, True), (False, True), (True, True), (False, False))
    ]
    reported = desk.result(pupil, 8, invalid=0, lesson_id=lessons[0].lesson_id)
    untouched = desk.result(pupil, 8, is_reported=False, lesson_id=lessons[1].lesson_id)
    await desk.hear(person, *lessons, reported, untouched)
    await desk.pass_time(hours=2, minutes=19)
    assert await desk.asked() == []
    await desk.pass_time(minutes=2)
    assert await desk.asked() == [NotificationKind.LESSONS_UNREPORTED]
    found = {e.lesson_id for e in await desk.said(LessonUnreported) if isinstance(e, LessonUnreported)}
    assert found == {lessons[1].lesson_id, lessons[2].lesson_id}
    assert await desk.asked(pupil) == []


async def test_two_pupils_and_two_days_are_weighed_apart(desk: Desk) -> None:
    (anna, anna_is), (bo, bo_is) = pupil_of(), pupil_of()
    yesterday = desk.result(anna, 8)
    yesterday = yesterday.model_copy(
        update={
            "starts_at": yesterday.starts_at - timedelta(days=1),
            "ends_at": yesterday.ends_at - timedelta(days=1),
            "lesson_id": uuid4(),
        }
    )
    await desk.hear(anna_is, bo_is, yesterday, desk.result(anna, 8), desk.result(bo, 8))
    await desk.pass_time(hours=2)
    await desk.hear(desk.result(anna, 8, invalid=0))
    kinds = [NotificationKind.ABSENCE_NOTICE_LATE, NotificationKind.ABSENCE_NOTICE, NotificationKind.ABSENCE_RETRACTION]
    assert sorted(await desk.asked(anna)) == sorted(kinds)
    assert await desk.asked(bo) == [NotificationKind.ABSENCE_NOTICE]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_order_and_repetition_within_the_grace_period_do_not_change_the_outcome(
    desk: Desk, data: st.DataObject
) -> None:
    """Whatever order the versions come in and however often, the newest facts decide."""
    pupil, person = pupil_of()
    await desk.hear(person)
    minutes = data.draw(st.lists(st.sampled_from([0, 0, 30, 60]), min_size=1, max_size=6))
    versions = [desk.result(pupil, hour=8 + i % 2, invalid=m) for i, m in enumerate(minutes)]
    shuffled = data.draw(st.permutations([*versions, *data.draw(st.lists(st.sampled_from(versions), max_size=4))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    await desk.hear(*shuffled[:cut])
    await desk.hear(*shuffled[cut:])
    await desk.pass_time(hours=5)
    newest = {event.lesson_id: event.invalid_minutes for event in versions}
    missing = any(newest.values())
    assert await desk.asked(pupil) == ([NotificationKind.ABSENCE_NOTICE] if missing else [])
    desk.clock.instant = NOON
