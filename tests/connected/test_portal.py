"""The portal on a real database: events in, counts out, and nothing about anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.portal import tables
from services.portal.consumers import readers
from services.portal.domain.day import Counts
from services.portal.main import app_on
from services.portal.settings import PortalSettings
from services.portal.store.day import latest_school_day, school_days
from shared.clock import ManualClock
from shared.events.absence import AbsenceNoticed, LessonReported, LessonUnreported
from shared.events.attendance import LessonPlanned
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Event
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.settings import KitSettings
from shared.web.headers import HEADERS
from tests.conftest import SCHOOL_MORNING
from tests.hearing import hear_by
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
DAY = date(2026, 11, 23)
SCHOOL = uuid4()


@pytest.fixture
async def kit(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, clock)
    await hear(kit, SchoolStated(school_id=SCHOOL, version=1, name="Björkskolan <7>"))
    yield kit
    await kit.close()


async def hear(kit: Kit, *events: Event) -> None:
    await hear_by(kit, readers(), *events)


def moved(duty: UUID, status: DutyStatus) -> DutyMoved:
    return DutyMoved(
        duty_id=duty,
        kind=DutyKind.SAME_DAY_NOTICE,
        status=status,
        pupil_id=uuid4(),
        school_id=SCHOOL,
        day=DAY,
        at=SCHOOL_MORNING,
    )


def lesson(start: datetime = SCHOOL_MORNING) -> LessonPlanned:
    return LessonPlanned(
        lesson_id=uuid4(), version=1, school_id=SCHOOL, starts_at=start, ends_at=start + timedelta(hours=1)
    )


async def counts(kit: Kit) -> Counts:
    async with kit.sessions() as session:
        [school] = await school_days(session, DAY, SCHOOL_MORNING + timedelta(hours=2))
    return school.counts


async def test_a_duty_moves_forward_only_whatever_order_its_moments_come_in(kit: Kit) -> None:
    arrived, waits, called = uuid4(), uuid4(), uuid4()
    await hear(
        kit, moved(arrived, DutyStatus.DELIVERED), moved(arrived, DutyStatus.OWED), moved(waits, DutyStatus.OWED)
    )
    await hear(kit, moved(arrived, DutyStatus.SENT), moved(called, DutyStatus.UNREACHABLE))
    await hear(kit, moved(arrived, DutyStatus.SENT))
    day = await counts(kit)
    assert (day.owed, day.sent, day.delivered, day.unreachable, day.waiting) == (3, 1, 1, 1, 1)


async def test_lessons_count_as_reported_once_and_as_unreported_until_somebody_reports_them(kit: Kit) -> None:
    first, second, later = lesson(), lesson(), lesson(SCHOOL_MORNING + timedelta(hours=5))
    alert = LessonUnreported(lesson_id=second.lesson_id, school_id=SCHOOL, day=DAY, found_at=SCHOOL_MORNING)
    reported = [
        LessonReported(lesson_id=one.lesson_id, school_id=SCHOOL, starts_at=one.starts_at) for one in (first, second)
    ]
    await hear(kit, reported[0], reported[0], alert, first, second, later)
    day = await counts(kit)
    assert (day.lessons, day.ended, day.reported, day.unreported) == (3, 2, 1, 1)
    await hear(kit, reported[1])
    assert (await counts(kit)).unreported == 0


async def test_a_cancelled_lesson_is_not_waited_for(kit: Kit) -> None:
    planned = lesson()
    await hear(kit, planned, lesson())
    await hear(kit, planned.model_copy(update={"version": 2, "cancelled": True}))
    assert (await counts(kit)).lessons == 1


async def test_the_live_page_shows_counts_and_escapes_what_registries_say(kit: Kit) -> None:
    notice = AbsenceNoticed(
        notice_id=uuid4(), version=1, pupil_id=uuid4(), school_id=SCHOOL, day=DAY, noticed_at=SCHOOL_MORNING
    )
    await hear(kit, lesson(), notice)
    answer = await get(kit, "/live", demo=True)
    assert answer.status_code == 200
    assert "Björkskolan &lt;7&gt;" in answer.text
    assert str(notice.pupil_id) not in answer.text
    assert all(answer.headers[name.lower()] == value for name, value in HEADERS.items())


async def test_in_the_evening_after_and_at_weekends_the_page_shows_the_last_school_day(kit: Kit) -> None:
    await hear(kit, lesson())
    async with kit.sessions() as session:
        assert await latest_school_day(session, DAY + timedelta(days=2)) == DAY
        assert await latest_school_day(session, DAY - timedelta(days=1)) == DAY - timedelta(days=1)


@pytest.mark.parametrize("path", ["/live", "/live/changes", "/demo/people"])
async def test_what_needs_no_login_exists_only_in_a_demo(kit: Kit, path: str) -> None:
    await hear(kit, lesson())
    answer = await get(kit, path, demo=False)
    assert answer.status_code == 404
    assert "Björkskolan" not in answer.text


async def test_without_a_login_every_other_page_leads_to_the_door(kit: Kit) -> None:
    for path in ("/home", f"/n/{uuid4()}", f"/class/{uuid4()}", "/municipality"):
        answer = await get(kit, path, demo=True)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("http://127.0.0.1:8000/login?next=")


async def get(kit: Kit, path: str, demo: bool) -> httpx.Response:
    kit.settings = KitSettings(demo=demo, session_key=SecretStr("k" * 32))
    app = app_on(kit, PortalSettings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client:
        return await client.get(path)
