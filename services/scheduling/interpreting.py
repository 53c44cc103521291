"""An interpreter who cannot come: another one of the language takes over, or the family gets another time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.placing import Choice
from services.scheduling.errors import Clash
from services.scheduling.placing import place, unplace
from services.scheduling.store import interpreters
from services.scheduling.store.interpreters import Bereft
from shared.events.envelope import Outgoing
from shared.events.scheduling import TalkState

NO_INTERPRETER = "interpreter"  # why a talk has no time


@dataclass
class Cancelled:
    """What became of a stretch that was cancelled: talks that another interpreter takes, and those without a time."""

    taken_over: int = 0
    without: int = 0
    said: list[Outgoing] = field(default_factory=list)


async def cancel_block(session: AsyncSession, tenant_id: UUID, block_id: UUID, now: datetime) -> Cancelled | None:
    """Cancel a stretch and find another interpreter for each talk in it, at the same time.

    A talk for which there is none loses its time, waits for another one, and its home is told. None when there is no
    such stretch, or it is cancelled already. In the machine's transaction.
    """
    gone = await interpreters.cancel(session, tenant_id, block_id)
    if gone is None:
        return None
    done, lost = Cancelled(), list[UUID]()
    spoken = await interpreters.languages_of(session, gone.interpreter_id)
    for talk in await interpreters.bereft(session, gone, now):
        languages = [one for one in talk.languages if one in spoken] or spoken[:1]
        said = await _another(
            session, talk, await interpreters.others(session, tenant_id, gone, talk, languages, now), now
        )
        if said is None:
            lost.append(talk.talk_id)
        else:
            done.taken_over += 1
            done.said += said
    if lost:
        done.said += await unplace(session, lost, TalkState.WANTED, now, why=NO_INTERPRETER)
    done.without = len(lost)
    return done


async def _another(session: AsyncSession, talk: Bereft, free: Sequence[UUID], now: datetime) -> list[Outgoing] | None:
    """Let the first who is free interpret; None when nobody is."""
    for interpreter in free:
        try:
            async with session.begin_nested():
                return await place(
                    session, [Choice(talk.talk_id, talk.slot_id, interpreter)], TalkState(talk.state), now
                )
        except Clash:
            continue
    return None
