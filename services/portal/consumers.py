"""What the portal reads: the roster, duties, the school day as it happens, and what became of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.store import audit, bulletins, day, ledger, operations, privacy, talks
from services.portal.tables import kit as tables
from services.portal.tables import metadata, roster
from shared.clock import DEFAULT_ZONE
from shared.events.absence import AbsenceNoticed, LessonReported, LessonUnreported
from shared.events.attendance import LessonPlanned
from shared.events.bulletins import BulletinStated
from shared.events.duties import DutyMoved
from shared.events.envelope import Erased, Event, Outgoing, Received
from shared.events.notify import DeliverySettled, MailingSettled
from shared.events.operations import HealthReported
from shared.events.people import ConsentStated
from shared.events.privacy import PrivacyAnswered, PupilLookedAt
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    LoginStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.events.scheduling import CommitmentStated, TalkStated
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import ABSENCES, BULLETINS, DELIVERIES, DUTIES, LESSONS, LOOKS, OPERATIONS, PRIVACY_ANSWERS, TALKS

ROSTER = (
    SchoolStated,
    PersonStated,
    ContactStated,
    GuardianshipsStated,
    GroupStated,
    StaffStated,
    SubjectStated,
    LoginStated,
    ConsentStated,
)


def readers(zone: str = DEFAULT_ZONE) -> list[Reader]:
    """The readers of this service."""

    async def the_day(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await day.write_lessons(session, [r.event for r in batch.of(LessonPlanned)], zone)
        await day.mark_lessons(session, "reported", {r.event.lesson_id for r in batch.of(LessonReported)})
        await day.mark_lessons(session, "alerted", {r.event.lesson_id for r in batch.of(LessonUnreported)})
        await day.write_absences(session, [r.event for r in batch.of(AbsenceNoticed)])
        return []

    async def duties(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await ledger.write_duties(session, [r.event for r in batch.of(DutyMoved)], zone)
        await ledger.write_deliveries(session, [r.event for r in batch.of(DeliverySettled)])
        await ledger.write_mailings(session, [r.event for r in batch.of(MailingSettled)])
        return []

    return [
        roster_reader(roster, *ROSTER),
        Reader("day", (LESSONS, ABSENCES), (LessonPlanned, LessonReported, LessonUnreported, AbsenceNoticed), the_day),
        Reader("ledger", (DUTIES, DELIVERIES), (DutyMoved, DeliverySettled, MailingSettled), duties),
        Reader("bulletins", [BULLETINS], [BulletinStated], _bulletins),
        Reader("talks", [TALKS], (TalkStated, CommitmentStated), _talks),
        Reader("operations", [OPERATIONS], [HealthReported], _operations),
        Reader("rights", (PRIVACY_ANSWERS, LOOKS), (PrivacyAnswered, PupilLookedAt), _rights),
        privacy_reader("portal", tables, metadata, privacy.PortalPart(), keeps=privacy.KEEPS),
    ]


async def _talks(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    stated = _not_erased(batch.received)
    await talks.forget(session, [r.event for r in batch.received if isinstance(r.event, Erased)])
    await talks.write_talks(session, [one for one in stated if isinstance(one, TalkStated)], batch.now)
    await talks.write_commitments(session, [one for one in stated if isinstance(one, CommitmentStated)], batch.now)
    return []


async def _bulletins(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    stated = _not_erased(batch.received)
    await bulletins.forget(session, [r.event for r in batch.received if isinstance(r.event, Erased)])
    await bulletins.write(session, [one for one in stated if isinstance(one, BulletinStated)])
    return []


def _not_erased(received: Iterable[Received[Event]]) -> list[Event]:
    """What is stated and not erased later in the same batch."""
    standing: dict[tuple[str, str], list[Event]] = {}
    for event in (one.event for one in received):
        if isinstance(event, Erased):
            standing.pop((event.erased_type, event.erased_key), None)
        else:
            standing.setdefault((event.event_type, event.key()), []).append(event)
    return [event for events in standing.values() for event in events]


async def _operations(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    await operations.write_health(session, [r.event for r in batch.of(HealthReported)])
    return []


async def _rights(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    await audit.note_elsewhere(session, [r.event for r in batch.of(PupilLookedAt)])
    await privacy.keep_answers(session, [r.event for r in batch.of(PrivacyAnswered)])
    return []
