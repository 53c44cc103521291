"""Which process a mail of a mailing belongs to, and who takes over from one that is gone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.mailings.recorder import MailingRecorder
from services.notifications.owner import LOCK_SPACE, UNLOCK, Owner
from services.notifications.store import mailings as store
from services.notifications.store.requests import Result
from shared.events.notify import Lane
from shared.kit import Kit


class BulkOwner(Owner):
    """One bulk sender's name in the addressees it has in hand."""

    def __init__(self, kit: Kit, recorder: MailingRecorder) -> None:
        super().__init__(kit, _nothing, Lane.BULK)
        self.recorder = recorder

    async def _adopt(self, connection: AsyncConnection) -> None:
        """Take over from every process that is gone."""
        self.recorder.owner = self.number
        async with self.kit.sessions() as session:
            others = [owner for owner in await store.unfinished_owners(session) if owner != self.number]
        for owner in others:
            if await self._take(connection, owner):
                await self.recorder.adopt(owner)
                await connection.execute(UNLOCK, {"space": LOCK_SPACE, "owner": owner})


async def _nothing(results: Sequence[Result]) -> None:
    """There are no attempts of single messages in this lane."""
