"""Who looked at whom: entries are added in the page's own transaction and sealed into a chain a moment later.

The entries and the seals are only ever added; the database role of the service cannot change or remove them. What
an owner of the database could still do shows: every seal is a digest over the one before it and its entry.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.tables import audit_entry, audit_seal
from shared.db.bulk import ONCE, insert_rows
from shared.events.privacy import PupilLookedAt
from shared.ids import new_id

# The last number of a municipality's chain and the time of its entry; no row when nothing is sealed yet.
CHAIN_END = (
    "select s.number, e.at from audit_seal s left join audit_entry e using (entry_id) "
    "where s.tenant_id = :tenant order by s.number desc limit 1"
)
NAMES = ("entry_id", "tenant_id", "at", "viewer_id", "pupil_id", "what", "about")
SEAL_NAMES = ("tenant_id", "number", "entry_id", "digest")
SAME = audit_entry.c.entry_id == audit_seal.c.entry_id
START = bytes(32)
SEAL_LOCK = 7_305_541
BATCH = 5000


@dataclass(frozen=True)
class Look:
    """Somebody looks at something, or does something. `what` is a code word for the page or the act.

    `pupil_id` is whose data it is (None: nobody's in particular); `about` is an id the act is about, never a name.
    """

    tenant_id: UUID
    viewer_id: UUID
    pupil_id: UUID | None
    what: str
    about: str | None = None


async def note(db: AsyncSession, looks: Iterable[Look], now: datetime) -> None:
    """Add entries, in the caller's transaction: what is shown without a trace of it would not be shown at all."""
    rows = [(new_id(), one.tenant_id, now, one.viewer_id, one.pupil_id, one.what, one.about) for one in looks]
    await insert_rows(db, audit_entry, NAMES, rows)


async def note_elsewhere(db: AsyncSession, looks: Sequence[PupilLookedAt]) -> None:
    """Add what other services say was looked at on their pages; one that comes twice is there already."""
    rows = [(one.look_id, one.tenant_id, one.at, one.viewer_id, one.pupil_id, one.what, None) for one in looks]
    await insert_rows(db, audit_entry, NAMES, rows, ONCE)


async def seal(db: AsyncSession, since: datetime | None) -> int:
    """Append what has no seal yet to its municipality's chain, oldest first; how many entries that was.

    Looks only at entries made since then (None: at all). An entry that a slow transaction committed late is taken
    by the next call. Does nothing while another process is at it; the caller's transaction holds the lock.
    """
    if not await db.scalar(select(func.pg_try_advisory_xact_lock(SEAL_LOCK))):
        return 0
    bare = select(audit_entry).where(~exists().where(audit_seal.c.entry_id == audit_entry.c.entry_id))
    if since is not None:
        bare = bare.where(audit_entry.c.at >= since)
    entries = (await db.execute(bare.order_by(audit_entry.c.at, audit_entry.c.entry_id).limit(BATCH))).all()
    ends = {tenant: await last_seal(db, tenant) for tenant in {entry.tenant_id for entry in entries}}
    rows = []
    for entry in entries:
        number, digest = ends[entry.tenant_id]
        ends[entry.tenant_id] = number + 1, chained(digest, entry)
        rows.append((entry.tenant_id, number + 1, entry.entry_id, ends[entry.tenant_id][1]))
    await insert_rows(db, audit_seal, SEAL_NAMES, rows)
    return len(rows)


async def last_seal(db: AsyncSession, tenant_id: UUID) -> tuple[int, bytes]:
    """The number and digest at the end of a municipality's chain; 0 and START before its first entry."""
    mine = select(audit_seal.c.number, audit_seal.c.digest).where(audit_seal.c.tenant_id == tenant_id)
    last = (await db.execute(mine.order_by(audit_seal.c.number.desc()).limit(1))).first()
    return (last.number, bytes(last.digest)) if last else (0, START)


def chained(before: bytes, entry: Row[Any]) -> bytes:
    """SHA-256 over the digest before and the entry as JSON, its fields in the order of NAMES, its time in UTC."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [at if name == "at" else getattr(entry, name) for name in NAMES]
    plain = json.dumps([None if value is None else str(value) for value in fields], separators=(",", ":"))
    return sha256(before + plain.encode()).digest()


async def links(db: AsyncSession) -> AsyncIterator[Row[Any]]:
    """Every seal with its entry (null where it is gone), by municipality and number, without keeping them all."""
    seals = (audit_seal.c.tenant_id.label("chain"), audit_seal.c.number, audit_seal.c.digest)
    both = select(*seals, audit_entry).select_from(audit_seal.join(audit_entry, SAME, isouter=True))
    ordered = both.order_by(audit_seal.c.tenant_id, audit_seal.c.number)
    async for row in await db.stream(ordered):
        yield row
