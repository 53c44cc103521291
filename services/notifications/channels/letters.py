"""Paper: a letter is written down for the school to print. Its text and address are made when it is printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from services.notifications.channels.protocol import Line, Parcel
from services.notifications.domain.replies import Reply, Stage
from services.notifications.store.letters import want
from shared.events.people import Channel
from shared.kit import Kit
from shared.observe.logging import get_logger

LINES = 2  # connections to the database are few
TAKEN, LATER, NOBODY = Reply(Stage.FINAL, 250), Reply(Stage.DATA, 451), Reply(Stage.RECIPIENT, 550)
log = get_logger()


class LetterRoad:
    """The school's printer, as a list. The same delivery is one letter however often it is handed over."""

    name = Channel.LETTER.value
    is_down = False

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._free = asyncio.Semaphore(LINES)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """One of few."""
        async with self._free:
            yield self

    async def send(self, parcel: Parcel) -> Reply:
        """Write down that this person is to get a letter. One whose delivery is not known here cannot get any."""
        if parcel.delivery_id is None:
            return NOBODY
        try:
            person_id = UUID(parcel.to)
            async with self._kit.sessions.begin() as session:
                written = await want(session, parcel.delivery_id, person_id, self._kit.clock.now())
        except ValueError:
            return NOBODY
        except (SQLAlchemyError, OSError) as fault:
            log.warning("letter waits", fault=type(fault).__name__)
            return LATER
        return TAKEN if written else NOBODY

    def close(self) -> None:
        """Nothing to hang up."""
