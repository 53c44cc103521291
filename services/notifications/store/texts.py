"""Which attempt a report about a text message is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# An attempt of which nothing is known yet is not found: the report comes again. One that timed out has no reference;
# it is known by its delivery, and the report settles whether it arrived.
TEXTED = text(
    "select fingerprint, started_at, reference is not distinct from :reference as exact from attempt "
    "where delivery_id = :delivery and channel = 'sms' and finished_at is not null "
    "and (reference = :reference or reference is null) "
    "union all select fingerprint, null, false from addressee "
    "where delivery_id = :delivery and channel = 'sms' and owner is null and fingerprint is not null "
    "order by exact desc, started_at desc nulls last limit 1"
)


@dataclass(frozen=True, slots=True)
class Texted:
    """To which number (its digest) a text went, and when it was handed over (None: for a mailing that is not kept)."""

    fingerprint: str
    started_at: datetime | None


async def texted(session: AsyncSession, delivery_id: UUID, reference: str) -> Texted | None:
    """The text message of this delivery that the provider calls so; None when none is known (yet)."""
    row = (await session.execute(TEXTED, {"delivery": delivery_id, "reference": reference})).first()
    return Texted(row.fingerprint, row.started_at) if row else None
