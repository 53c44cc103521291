"""Addresses that nothing is sent to for a while, and what an attempt that came back was about. Nothing commits here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.replies import Outcome
from services.notifications.domain.returns import SENT, Return, Sent, Suppression
from services.notifications.tables import addressee, attempt, delivery, suppression
from shared.events.notify import DeliveryStatus

NOBODY: Mapping[str, int] = {}
LOCK = text("select pg_advisory_xact_lock(7305524, hashtext(:fingerprint))")
HARD_CODE, SOFT_CODE = 550, 450  # what is written of an attempt that came back: its class counts
# The attempts at that address, and whether the person has it by another way since. `old` is as it was before.
TAKE_BACK = text(
    "with back as (update attempt set outcome = :refused, reply_code = :code, "
    "finished_at = coalesce(attempt.finished_at, :now) "
    "where delivery_id = :delivery and fingerprint = :fingerprint and outcome is distinct from :refused "
    "returning old.finished_at is null as was_open) "
    "select bool_or(was_open) as was_open, exists (select from attempt where delivery_id = :delivery "
    "and fingerprint <> :fingerprint and outcome = :accepted) as elsewhere from back having count(*) > 0"
)
# One statement; nothing changes when it is said again, or when another address is being tried already.
ADDRESSEE_BACK = text(
    "update addressee set status = :status, retry_at = :now, moved_at = :now, owner = null, "
    "refused = coalesce(refused, '[]') || to_jsonb(fingerprint), reply_code = :code "
    "where delivery_id = :delivery and fingerprint like :seen and read_at is null and status = any(:sent) "
    "and not coalesce(refused, '[]') ? fingerprint returning mailing_id, fingerprint, channel"
)
# What was over is taken up again; the row is written in any case, so that nobody ends it meanwhile.
OPEN_AGAIN = text("update mailing set status = 'sending' where mailing_id = :mailing and status in ('sending', 'done')")


@dataclass(frozen=True, slots=True)
class Address:
    """An address, as far as it is kept: its digest, and the channel it belongs to."""

    fingerprint: str
    channel: str


@dataclass(frozen=True, slots=True)
class Back:
    """Attempts have come back. `was_open`: the answer of one was not known yet. `elsewhere`: it arrived another way."""

    was_open: bool
    elsewhere: bool


async def suppressed(
    session: AsyncSession,
    fingerprints: Iterable[str],
    now: datetime,
    optional: bool = False,
    stated: Mapping[str, int] = NOBODY,
) -> set[str]:
    """Those of these addresses to which nothing is to be sent now.

    `optional`: for what somebody may choose not to get, so those who complained count as well. What the law requires
    is sent to them all the same: a button in a mail program does not end a duty, nor a right. `stated`: the version
    of what whoever has the address has said they want (milliseconds); said after the complaint, that counts.
    """
    wanted = list(set(fingerprints))
    if not wanted:
        return set()
    reasons = [Return.HARD, Return.COMPLAINT] if optional else [Return.HARD]
    kept = suppression.c
    mine = kept.fingerprint.in_(wanted) & kept.reason.in_(reasons) & (kept.until > now)
    rows = await session.execute(select(kept.fingerprint, kept.reason, kept.since).where(mine))
    return {
        row.fingerprint
        for row in rows
        if row.reason == Return.HARD or stated.get(row.fingerprint, 0) <= row.since.timestamp() * 1000
    }


async def standing_of(session: AsyncSession, fingerprint: str) -> Suppression | None:
    """What is known of an address. Whoever asks for the same one waits until this transaction is over."""
    await session.execute(LOCK, {"fingerprint": fingerprint})
    kept = suppression.c
    row = (
        await session.execute(select(kept.reason, kept.since, kept.until).where(kept.fingerprint == fingerprint))
    ).one_or_none()
    return Suppression(Return(row.reason), row.since, row.until) if row else None


async def suppress(session: AsyncSession, address: Address, one: Suppression) -> None:
    """Let this be what is known of the address."""
    values = {"reason": str(one.reason), "since": one.since, "until": one.until}
    new = insert(suppression).values(fingerprint=address.fingerprint, channel=address.channel, **values)
    await session.execute(new.on_conflict_do_update(index_elements=["fingerprint"], set_=values))


async def arrived(session: AsyncSession, fingerprints: Iterable[str]) -> None:
    """Something has arrived at these addresses: nothing is held against them, but that somebody complained."""
    reached = suppression.c.fingerprint.in_(list(fingerprints)) & (suppression.c.reason != Return.COMPLAINT)
    await session.execute(delete(suppression).where(reached))


async def notification_of(session: AsyncSession, delivery_id: UUID) -> UUID | None:
    """The notification that a delivery belongs to; None when there is no such delivery (any more)."""
    return await session.scalar(select(delivery.c.notification_id).where(delivery.c.delivery_id == delivery_id))


async def address_of(session: AsyncSession, sent: Sent) -> Address | None:
    """The address that this was sent to, of a notification or a mailing; None for neither."""
    found = [
        select(table.c.fingerprint, table.c.channel).where(
            table.c.delivery_id == sent.delivery_id, table.c.fingerprint.startswith(sent.seen)
        )
        for table in (attempt, addressee)
    ]
    row = (await session.execute(union(*found).limit(1))).one_or_none()
    return Address(row.fingerprint, row.channel) if row else None


async def take_back(
    session: AsyncSession, delivery_id: UUID, address: Address, kind: Return, now: datetime
) -> Back | None:
    """Write that what went to this address has come back, so that it counts as refused. None when that was known.

    The notification is locked, so that nobody writes down an answer meanwhile.
    """
    values = {
        "delivery": delivery_id,
        "fingerprint": address.fingerprint,
        "now": now,
        "code": _code(kind),
        "refused": str(Outcome.REFUSED),
        "accepted": str(Outcome.ACCEPTED),
    }
    row = (await session.execute(TAKE_BACK, values)).one_or_none()
    return Back(row.was_open, row.elsewhere) if row else None


async def take_back_mailing(session: AsyncSession, sent: Sent, kind: Return, now: datetime) -> Address | None:
    """The same for a mailing to a person, whose next way is then due. The address; None as above."""
    values = {
        "delivery": sent.delivery_id,
        "seen": f"{sent.seen}%",
        "now": now,
        "code": _code(kind),
        "status": str(DeliveryStatus.DEFERRED),
        "sent": [*map(str, SENT), str(DeliveryStatus.SENDING)],  # an answer that comes after this finds it no more
    }
    row = (await session.execute(ADDRESSEE_BACK, values)).one_or_none()
    if row is None:
        return None
    await session.execute(OPEN_AGAIN, {"mailing": row.mailing_id})
    return Address(row.fingerprint, row.channel)


def _code(kind: Return) -> int:
    return HARD_CODE if kind is Return.HARD else SOFT_CODE
