"""Letters that wait to be printed, and those that were: all SQL about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, text, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.paper import Fate
from services.notifications.tables import letter
from shared.events.roster import ContactStated, PersonStated

# A letter has its delivery's id, so that the same delivery is one letter however often it is handed over.
WANT = text(
    "insert into letter (letter_id, school_id, person_id, pupil_id, notification_id, mailing_id, wanted_at) "
    "select cast(:delivery as uuid), n.school_id, cast(:person as uuid), n.pupil_id, n.notification_id, "
    "cast(null as uuid), cast(:now as timestamptz) from delivery d "
    "join notification n on n.notification_id = d.notification_id where d.delivery_id = :delivery "
    "union all select cast(:delivery as uuid), m.school_id, cast(:person as uuid), null, null, m.mailing_id, "
    "cast(:now as timestamptz) from addressee a join mailing m on m.mailing_id = a.mailing_id "
    "where a.delivery_id = :delivery on conflict (letter_id) do update set wanted_at = letter.wanted_at "
    "returning letter_id"
)
# Somebody's letters do not go through the school's printer when they, or any pupil they have to do with, are protected.
HIDDEN = (
    "exists (select from roster p where p.event_type = :person_type and coalesce(p.state ->> 'marking', 'none') <> "
    "'none' and (p.id in (l.person_id, l.pupil_id) or p.id in (select r.from_id from roster_link r "
    "where r.to_id = l.person_id and r.kind in ('tie', 'consent'))))"
)
ADDRESSED = " and ".join(
    f"coalesce(btrim(c.state -> 'address' ->> '{part}'), '') <> ''" for part in ("street", "postal_code", "locality")
)
CONTACT = "left join roster c on c.event_type = :contact_type and c.id = l.person_id"
OVERVIEW = text(
    f"with mine as (select l.school_id, l.wanted_at, l.printed_at, l.person_id, case when l.printed_at is not null "
    f"then 'printed' when {HIDDEN} then 'protected' when {ADDRESSED} then 'ready' else 'no_address' end as fate, "
    f"c.state as contact from letter l {CONTACT} where l.school_id = any(cast(:schools as uuid[])) "
    "and (l.printed_at is null or l.printed_at > :since)) "
    "select school_id, fate, printed_at, case when fate = 'no_address' then person_id end as who, "
    "min(contact ->> 'given_name') as given, min(contact ->> 'family_name') as family, count(*) as letters, "
    "min(wanted_at) as since from mine group by 1, 2, 3, 4 order by 3 desc nulls first, 6, 5"
)
LETTERS = text(
    "select l.letter_id, l.school_id, l.person_id, l.pupil_id, l.wanted_at, l.notification_id, l.mailing_id, "
    "n.kind, n.day, n.lesson_count, n.rung, n.retracted, n.appointment, m.texts, m.day as mailing_day, "
    f"m.withdrawn_at, a.pupil_ids, {HIDDEN} as hidden from letter l "
    "left join notification n on n.notification_id = l.notification_id "
    "left join mailing m on m.mailing_id = l.mailing_id left join addressee a on a.delivery_id = l.letter_id "
    f"{CONTACT} "
    "where l.school_id = :school and l.printed_at is not distinct from cast(:at as timestamptz) "
    f"order by hidden, ({ADDRESSED}) is not true, l.wanted_at, l.letter_id limit :most"
)
TYPES = {"person_type": PersonStated.event_type, "contact_type": ContactStated.event_type}


@dataclass(frozen=True, slots=True)
class Heap:
    """Letters of one school that are alike: waiting (by what can be done with them), or printed at one moment.

    `who` and the names are of somebody who has no postal address.
    """

    school_id: UUID
    fate: Fate | None
    printed_at: datetime | None
    who: UUID | None
    given: str | None
    family: str | None
    letters: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter as it is kept. `about` has the columns of its notification or of its mailing; `hidden`: protected."""

    letter_id: UUID
    school_id: UUID
    person_id: UUID
    pupil_ids: tuple[UUID, ...]
    wanted_at: datetime
    is_mailing: bool
    taken_back: bool
    hidden: bool
    about: RowMapping


async def want(session: AsyncSession, delivery_id: UUID, person_id: UUID, now: datetime) -> bool:
    """Write down that this delivery is to be a letter; False when there is no such delivery."""
    values = {"delivery": delivery_id, "person": person_id, "now": now}
    return (await session.execute(WANT, values)).first() is not None


async def overview(session: AsyncSession, schools: Iterable[UUID], since: datetime) -> list[Heap]:
    """What waits at these schools, and what was printed after `since`, newest first. One statement."""
    rows = await session.execute(OVERVIEW, {"schools": list(schools), "since": since, **TYPES})
    return [
        Heap(
            row.school_id,
            None if row.fate == "printed" else Fate(row.fate),
            row.printed_at,
            row.who,
            row.given,
            row.family,
            row.letters,
            row.since,
        )
        for row in rows
    ]


async def kept(session: AsyncSession, school_id: UUID, at: datetime | None, most: int) -> list[Kept]:
    """The school's letters that were printed at that moment, or (None) wait; at most so many.

    The oldest first, and after all others those that cannot be printed: they must not stand in the way.
    """
    rows = await session.execute(LETTERS, {"school": school_id, "at": at, "most": most, **TYPES})
    return [_kept(row) for row in rows.mappings()]


async def printed(session: AsyncSession, letters: Collection[UUID], by: UUID, now: datetime) -> int:
    """These are printed, by this member of staff; how many of them were not before."""
    mine = letter.c.letter_id.in_(list(letters)) & letter.c.printed_at.is_(None)
    return await _changed(session, update(letter).where(mine).values(printed_at=now, printed_by=by))


async def not_printed(session: AsyncSession, school_id: UUID, at: datetime) -> int:
    """Those of that moment wait again; how many that are."""
    mine = (letter.c.school_id == school_id) & (letter.c.printed_at == at)
    return await _changed(session, update(letter).where(mine).values(printed_at=None, printed_by=None))


async def wait_again(session: AsyncSession, letters: Collection[UUID]) -> None:
    """These were taken out and could not be printed after all."""
    if letters:
        mine = letter.c.letter_id.in_(list(letters))
        await session.execute(update(letter).where(mine).values(printed_at=None, printed_by=None))


async def forget(session: AsyncSession, letters: Sequence[UUID]) -> None:
    """These are not to be sent any more."""
    if letters:
        await session.execute(delete(letter).where(letter.c.letter_id.in_(letters), letter.c.printed_at.is_(None)))


async def _changed(session: AsyncSession, statement: Any) -> int:
    result: CursorResult[Any] = await session.execute(statement)  # type: ignore[assignment]
    return result.rowcount


def _kept(row: RowMapping) -> Kept:
    pupils = [row["pupil_id"]] if row["pupil_id"] else [UUID(one) for one in row["pupil_ids"] or ()]
    return Kept(
        row["letter_id"],
        row["school_id"],
        row["person_id"],
        tuple(pupils),
        row["wanted_at"],
        is_mailing=row["mailing_id"] is not None,
        taken_back=bool(row["retracted"]) or row["withdrawn_at"] is not None,
        hidden=row["hidden"],
        about=row,
    )
