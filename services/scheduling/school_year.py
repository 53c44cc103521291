"""Bringing in a school year from a file: the page and the command do the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.school_year import break_row_id, term_row_id
from services.scheduling.domain.year_files import Held, read_year
from services.scheduling.store.school_year import write_breaks, write_terms
from shared.events.roster import SchoolStated


@dataclass(frozen=True)
class Imported:
    """What became of a file: terms and breaks that were new or changed, those known already, and what was held."""

    terms: int = 0
    breaks: int = 0
    known: int = 0
    held: tuple[Held, ...] = field(default=())


async def import_year(
    session: AsyncSession, tenant_id: UUID, schools: Iterable[SchoolStated], own: UUID | None, content: bytes
) -> Imported:
    """Take what can be read of a file and hold back the rest with its reasons.

    `schools` may be named in it; what names none is `own`'s (None: the municipality's). Raises
    `year_files.Unread` when the file cannot be read at all; then nothing is written.
    """
    read = read_year(content, {school.name.strip().casefold(): school.school_id for school in schools}, own)
    terms = await write_terms(session, tenant_id, read.terms)
    breaks = await write_breaks(session, tenant_id, read.breaks)
    given = {term_row_id(tenant_id, one.school_id, one.first_day) for one in read.terms}
    given |= {break_row_id(tenant_id, one.school_id, one.first_day, one.last_day) for one in read.breaks}
    return Imported(terms, breaks, len(given) - terms - breaks, tuple(read.held))
