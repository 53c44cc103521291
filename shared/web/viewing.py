"""A person's own transaction: who they are now, and a database that reaches no further than that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import HTTPException
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.reach import Reach, reach_as
from shared.kit import Kit
from shared.roster.standing import Standing, standing_of
from shared.web.session import Session


class Gone(HTTPException):
    """The person of a session is not active in the registry any more (410: they were here once)."""

    def __init__(self) -> None:
        super().__init__(410, "The registry does not know you as active any more, so there is nothing to show.")


@dataclass(frozen=True)
class View:
    """What a page is made from: the transaction, who is looking, and when."""

    db: AsyncSession
    standing: Standing
    session: Session
    now: datetime


@asynccontextmanager
async def viewing(kit: Kit, roster: Table, session: Session) -> AsyncIterator[View]:
    """A transaction for one request of this person, committed when the block is left without an error.

    It reaches the person's municipality, and of that only the schools they have to do with at this moment.
    Raises Gone when the registry does not know the person as active any more.
    """
    now = kit.clock.now()
    async with kit.people.begin() as db:
        standing = await reach_of(db, roster, session.person_id, session.tenant_id, now)
        if standing is None:
            raise Gone
        yield View(db, standing, session, now)


async def reach_of(db: AsyncSession, roster: Table, person_id: UUID, tenant_id: UUID, now: datetime) -> Standing | None:
    """Let the transaction reach as far as this person does at this moment, and say who they are.

    None when the registry does not know them as active; the transaction then reaches no school.
    """
    await reach_as(db, Reach(tenant_id))
    standing = await standing_of(db, roster, person_id, tenant_id, now)
    if standing is not None:
        await reach_as(db, Reach(tenant_id, tuple(standing.schools)))
    return standing
