"""Planning and cancelling what falls due, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.messaging.tables import KitTables

NAMES = ("kind", "ref", "due_at", "traceparent")
AGAIN = "on conflict (kind, ref) do update set due_at = excluded.due_at, attempts = 0, last_error = null"
CANCEL = text("delete from due where kind = :kind and ref = any(cast(:refs as uuid[]))")


async def plan(
    session: AsyncSession, tables: KitTables, kind: str, things: Sequence[tuple[UUID, datetime, str | None]]
) -> None:
    """Let each (ref, due at, traceparent) fall due. Planning a ref again moves it; a ref may come once a call."""
    await insert_rows(session, tables.due, NAMES, [(kind, *thing) for thing in things], AGAIN)


async def cancel(session: AsyncSession, kind: str, refs: Sequence[UUID]) -> None:
    """Forget what was planned; what is not there any more is no error."""
    if refs:
        await session.execute(CANCEL, {"kind": kind, "refs": list(refs)})
