"""From written to sent: asked for, approved, scheduled, sent once, taken back, withdrawn.

Every step holds the bulletin's row and looks at its state again, so that two clicks at once and a thing that falls due
twice do what one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins import filling
from services.bulletins.domain.bulletins import OPEN, WAITING, BulletinState, leaves_at
from services.bulletins.domain.leaks import Known
from services.bulletins.leaks import findings
from services.bulletins.outgoing import to_person
from services.bulletins.reading import plan_reminder
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.store.circle import Circle, circle_of
from services.bulletins.store.people import mentors_of, principals_of
from services.bulletins.tables import Bulletin
from services.bulletins.tables import kit as tables
from services.bulletins.writing import mailing_texts
from shared.clock import DEFAULT_ZONE, local_date
from shared.due.plan import cancel, plan
from shared.events.bulletins import BulletinStated, Title
from shared.events.envelope import Outgoing
from shared.events.notify import MailingKind, MailingRequested, MailingWithdrawn, NotificationKind
from shared.observe.tracing import new_traceparent

SENDING = "bulletin_send"  # what falls due
STOPPED = "stopped:protected_name"  # in `returned`: nobody returned it, a name stands in it that must not


def mailing_id(bulletin_id: UUID) -> UUID:
    """The id of the mailing of a bulletin: its own, since it goes out once."""
    return bulletin_id


async def ask(
    session: AsyncSession, bulletin_id: UUID, wanted: datetime | None, now: datetime, zone: str = DEFAULT_ZONE
) -> list[Outgoing]:
    """Ask the principals to read it first; it leaves at `wanted` once it is approved. Nothing when it is not open."""
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state not in OPEN:
        return []
    await store.change(
        session, bulletin_id, now, state=BulletinState.TO_APPROVE, send_at=wanted, returned=None, **UNAPPROVED
    )
    school_id = full.bulletin.school_id
    principals = await principals_of(session, school_id, local_date(now, zone))
    return _told(full.bulletin, NotificationKind.BULLETIN_TO_APPROVE, principals, now, zone)


async def approve(
    session: AsyncSession,
    bulletin_id: UUID,
    version: int,
    approver_id: UUID,
    now: datetime,
    settings: BulletinsSettings,
    zone: str,
) -> list[Outgoing]:
    """The principal lets it leave: when its author wanted, or as soon as it may. Its author is told.

    Nothing when it is not as the principal has read it (`version`) any more.
    """
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state is not BulletinState.TO_APPROVE or full.bulletin.version != version:
        return []
    send_at = leaves_at(now, full.bulletin.send_at, zone, settings.send_from, settings.send_until)
    await schedule(session, full, send_at, now, approver_id=approver_id, approved_at=now)
    return await _answered(session, full, approver_id, now, zone)


async def give_back(
    session: AsyncSession, bulletin_id: UUID, approver_id: UUID, words: str, now: datetime, zone: str
) -> list[Outgoing]:
    """The principal wants something changed; its author is told, and may write again."""
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state is not BulletinState.TO_APPROVE:
        return []
    await store.change(session, bulletin_id, now, state=BulletinState.RETURNED, returned=words, **UNAPPROVED)
    return await _answered(session, full, approver_id, now, zone)


async def schedule(session: AsyncSession, full: Full, send_at: datetime, now: datetime, **approved: object) -> bool:
    """Let a bulletin, held by the caller, leave at that instant; False when it waits or has left already."""
    if full.state not in (*OPEN, BulletinState.TO_APPROVE):
        return False
    values = {"state": BulletinState.SCHEDULED, "send_at": send_at, "returned": None, **UNAPPROVED, **approved}
    await store.change(session, full.bulletin.bulletin_id, now, **values)
    await plan(session, tables, SENDING, [(full.bulletin.bulletin_id, send_at, None)])
    return True


async def take_back(session: AsyncSession, bulletin_id: UUID, now: datetime) -> bool:
    """Make a draft of what waits to leave or to be approved; False when it is too late, or was one already."""
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state not in WAITING:
        return False
    await store.change(session, bulletin_id, now, state=BulletinState.DRAFT, **UNAPPROVED)
    await cancel(session, SENDING, [bulletin_id])
    return True


async def send(session: AsyncSession, bulletin_id: UUID, now: datetime, settings: BulletinsSettings) -> list[Outgoing]:
    """Send what is scheduled and due: once, however often it is asked for.

    One that was to leave while the school is quiet, because we were away, waits for the morning. Does it name somebody
    who is protected by now, it does not leave: it goes back to those who write.
    """
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state is not BulletinState.SCHEDULED:
        return []
    of = full.bulletin
    circle = await circle_of(session, of.school_id, full.group_ids, now, look=True, least=settings.smallest_group)
    if circle is None:
        return []
    when = leaves_at(now, of.send_at, circle.school.zone, settings.send_from, settings.send_until)
    if when > now:
        await plan(session, tables, SENDING, [(bulletin_id, when, None)])
        return []
    if stops(full, circle.known):
        return await _stopped(session, full, now, circle.school.zone)
    return await _sent(session, full, circle, now, settings)


def stops(full: Full, known: Known) -> bool:
    """True when it names somebody whom it must not name."""
    return any(one.stops for one in findings(full, known))


async def _sent(
    session: AsyncSession, full: Full, circle: Circle, now: datetime, settings: BulletinsSettings
) -> list[Outgoing]:
    of, groups = full.bulletin, tuple(circle.groups)
    edition = await _edition(session, full)
    await store.change(session, of.bulletin_id, now, state=BulletinState.SENT, sent_at=now, **edition)
    if of.kind == MailingKind.BULLETIN:
        moved = await filling.filled(session, of.bulletin_id, list(groups), now, settings)
    else:
        moved = await filling.informed(session, of.bulletin_id, now)
    if of.must_read:
        await plan_reminder(session, of.bulletin_id, now, settings)
    stands = await store.load(session, of.bulletin_id)
    if stands is None:  # nobody else can have taken it away: its row is ours
        return []
    said = [_mailing(stands, groups, now, circle.school.zone), _stated(stands, groups)]
    return [*(Outgoing(event, new_traceparent()) for event in said), *moved]


async def _edition(session: AsyncSession, full: Full) -> dict[str, object]:
    """Which edition of its topic it is, and which one it replaces."""
    of = full.bulletin
    if of.kind != MailingKind.INFORMATION:
        return {}
    before = await store.latest_edition(session, of.school_id, of.topic, full.group_ids)
    if before is None or before.bulletin.school_year != of.school_year:
        return {"edition": 1, "replaces_id": before.bulletin.bulletin_id if before else None}
    return {"edition": before.bulletin.edition + 1, "replaces_id": before.bulletin.bulletin_id}


async def _stopped(session: AsyncSession, full: Full, now: datetime, zone: str) -> list[Outgoing]:
    of = full.bulletin
    await store.change(session, of.bulletin_id, now, state=BulletinState.RETURNED, returned=STOPPED, **UNAPPROVED)
    return await _answered(session, full, None, now, zone)


async def withdraw(session: AsyncSession, bulletin_id: UUID, now: datetime) -> list[Outgoing]:
    """Take a bulletin out of the portal, and let it reach nobody more. What has left has left.

    When it has reached nobody, its place in the plan is owed again.
    """
    full = await store.load(session, bulletin_id, hold=True)
    if full is None or full.state is not BulletinState.SENT:
        return []
    await store.change(session, bulletin_id, now, state=BulletinState.WITHDRAWN, withdrawn_at=now)
    emptied: Iterable[Outgoing] = []
    if not await store.has_reached_anybody(session, bulletin_id):
        emptied = await filling.emptied(session, bulletin_id, now) or []
    stands = await store.load(session, bulletin_id)
    if stands is None:
        return []
    gone = MailingWithdrawn(mailing_id=mailing_id(bulletin_id), withdrawn_at=now)
    circle = await circle_of(session, full.bulletin.school_id, full.group_ids, now, look=False, least=0)
    said = [gone, _stated(stands, tuple(circle.groups) if circle else full.group_ids)]
    return [*(Outgoing(event, new_traceparent()) for event in said), *emptied]


# What is said ---------------------------------------------------------------------------------------------------------

UNAPPROVED: dict[str, object] = {"approver_id": None, "approved_at": None}


def _mailing(full: Full, groups: tuple[UUID, ...], now: datetime, zone: str) -> MailingRequested:
    of = full.bulletin
    return MailingRequested(
        mailing_id=mailing_id(of.bulletin_id),
        kind=MailingKind(of.kind),
        tenant_id=of.tenant_id,
        school_id=of.school_id,
        about_id=of.bulletin_id,
        author_id=of.author_id,
        group_ids=groups,
        day=local_date(now, zone),
        path=f"/bulletins/{of.bulletin_id}",
        requested_at=now,
        send_at=now,
        must_read=of.must_read,
        texts=mailing_texts(full),
    )


def _stated(full: Full, groups: tuple[UUID, ...]) -> BulletinStated:
    of = full.bulletin
    return BulletinStated(
        bulletin_id=of.bulletin_id,
        version=of.version,
        tenant_id=of.tenant_id,
        school_id=of.school_id,
        kind=MailingKind(of.kind),
        group_ids=groups,
        titles=tuple(Title(language=one.language, words=one.subject) for one in full.texts),
        sent_at=of.sent_at or of.changed_at,
        number=of.number,
        of=of.of,
        withdrawn=of.state == BulletinState.WITHDRAWN,
    )


async def _answered(
    session: AsyncSession, full: Full, approver_id: UUID | None, now: datetime, zone: str
) -> list[Outgoing]:
    """Tell those who write it: its author, or the mentors of today when the author is not one of them any more."""
    of = full.bulletin
    mentors = [
        one for some in (await mentors_of(session, full.group_ids, local_date(now, zone))).values() for one in some
    ]
    people = [of.author_id] if not full.group_ids or of.author_id in mentors else mentors
    told = [one for one in dict.fromkeys(people) if one != approver_id]
    return _told(of, NotificationKind.BULLETIN_RETURNED, told, now, zone)


def _told(of: Bulletin, kind: NotificationKind, people: Iterable[UUID], now: datetime, zone: str) -> list[Outgoing]:
    path, mark = f"/bulletins/{of.bulletin_id}/preview", f"{of.bulletin_id}:{of.version}"
    return [to_person(kind, one, of.school_id, now, mark=mark, zone=zone, path=path) for one in people]
