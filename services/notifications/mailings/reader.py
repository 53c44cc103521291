"""What the bulk lane reads: mailings asked for, and mailings withdrawn."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.store.mailings import keep_mailings, withdraw
from shared.events.envelope import Outgoing
from shared.events.notify import MailingRequested, MailingWithdrawn
from shared.messaging.reader import Batch, Reader
from shared.topics import NOTIFY_BULK

NO_TEXT = "A mailing must have a text in at least one language."
NO_CLASS = "A mailing must say which groups it is to, or of which mailing the unread ones."
UNKNOWN = "The mailing that is to be withdrawn is not known."


def mailing_reader() -> Reader:
    """The reader of the bulk topic."""
    return Reader("bulk", [NOTIFY_BULK], [MailingRequested, MailingWithdrawn], keep)


async def keep(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    """Keep what is asked for, once, and end what is withdrawn. Nothing is said, nobody is written to yet."""
    usable = []
    for received in batch.of(MailingRequested):
        fault = lacks(received.event)
        if fault:
            batch.reject(received, fault)
        else:
            usable.append(received)
    await keep_mailings(session, usable)
    await _withdraw(session, batch)
    return []


def lacks(asked: MailingRequested) -> str | None:
    """Why it could go to nobody; None when it can."""
    if not asked.texts:
        return NO_TEXT
    return None if asked.group_ids or asked.unread_of else NO_CLASS


async def _withdraw(session: AsyncSession, batch: Batch) -> None:
    withdrawn = batch.of(MailingWithdrawn)
    if not withdrawn:
        return
    known = await withdraw(session, [received.event for received in withdrawn], batch.now)
    for received in withdrawn:
        if received.event.mailing_id not in known:
            batch.reject(received, UNKNOWN)
