"""What guardians offer of their own experience: for the teachers of a school, who find it without a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.gatherings import Answer
from services.scheduling.domain.guests import Fact
from services.scheduling.tables import Offer, OfferAsked
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import ContactStated, PersonStated

OFFER, ASKED = table_of(Offer), table_of(OfferAsked)
# It stands while who made it is active and has a child at the school.
STANDS = """
    exists (select from roster_link t join roster_link e on e.from_id = t.from_id and e.kind = 'enrolled'
        and e.to_id = o.school_id where t.to_id = o.person_id and t.kind = 'tie')
    and exists (select from roster p where p.event_type = :person and p.id = o.person_id
        and coalesce(cast(p.state ->> 'active' as boolean), true))
"""
ASKS = "(select coalesce(jsonb_agg(to_jsonb(a) order by a.asked_at desc), '[]') from offer_asked a where {which})"
LISTED = text(
    f"""
    select to_jsonb(o) || jsonb_build_object('asks', {ASKS.format(which="a.offer_id = o.offer_id")}) as data
    from offer o where o.person_id = :me
    union all
    select to_jsonb(o) || jsonb_build_object('asks',
        {ASKS.format(which="a.offer_id = o.offer_id and a.author_id = :me")})
    from offer o
    where o.school_id = any(cast(:schools as uuid[])) and o.person_id <> :me and o.withdrawn_at is null and {STANDS}
    """
)
# `hidden`: the identity of who offers, or of somebody they have a tie to, is protected.
PAGE = text(
    f"""
    with wanted as materialized (select * from offer o where o.offer_id = :offer),
    near as (
        select person_id as id from wanted
        union select t.from_id from wanted join roster_link t on t.to_id = wanted.person_id and t.kind = 'tie'
    )
    select 'offer' as kind, o.offer_id as id, to_jsonb(o) || jsonb_build_object(
        'asks', {ASKS.format(which="a.offer_id = o.offer_id")},
        'stands', {STANDS},
        'hidden', exists (select from near join roster p on p.event_type = :person and p.id = near.id
            where coalesce(p.state ->> 'marking', 'none') <> 'none')) as data
    from wanted o
    union all
    select 'contact', c.id, c.state from wanted join roster c on c.event_type = :contact and c.id = wanted.person_id
    union all
    select 'author', n.id, n.state
    from (select distinct author_id as id from offer_asked where offer_id = :offer) author
    join roster n on n.event_type = :contact and n.id = author.id
    join roster p on p.event_type = :person and p.id = author.id and coalesce(p.state ->> 'marking', 'none') = 'none'
    """
)
ALONE = text("select offer_id from offer where offer_id = :offer for update")
FACTS = {"person": PersonStated.event_type, "contact": ContactStated.event_type}


class Asked(Fact):
    """A teacher has asked for an offer; `answer` None: not answered yet."""

    asked_id: UUID
    author_id: UUID
    words: str
    asked_at: datetime
    answer: Answer | None = None
    answered_at: datetime | None = None


class Offered(Fact):
    """An offer, with who asked for it: all of them for its owner, else the reader's own."""

    offer_id: UUID
    school_id: UUID
    person_id: UUID
    title: str
    words: str
    made_at: datetime
    withdrawn_at: datetime | None = None
    asks: tuple[Asked, ...] = ()
    stands: bool = True
    hidden: bool = False

    @property
    def waiting(self) -> int:
        """How many teachers wait for an answer."""
        return sum(one.answer is None for one in self.asks)

    @property
    def is_open(self) -> bool:
        """True while teachers find it."""
        return self.withdrawn_at is None and self.stands


@dataclass(frozen=True)
class Found:
    """One offer with the names that belong to it: of who offers, and of the teachers who ask."""

    offer: Offered
    contact: ContactStated | None = None
    authors: Mapping[UUID, str] = field(default_factory=dict)


async def listed(db: AsyncSession, me: UUID, schools: Sequence[UUID]) -> list[Offered]:
    """The reader's own offers, and those that stand at these schools, newest first. One statement."""
    asked = {"me": me, "schools": list(schools), "person": FACTS["person"]}
    found = [Offered.model_validate(data) for data in await db.scalars(LISTED, asked)]
    return sorted(found, key=lambda one: (one.made_at, one.offer_id), reverse=True)


async def page(db: AsyncSession, offer_id: UUID) -> Found | None:
    """One offer; None when this transaction does not reach it. One statement."""
    rows: dict[str, list[tuple[UUID, Any]]] = {}
    for kind, thing_id, data in await db.execute(PAGE, {**FACTS, "offer": offer_id}):
        rows.setdefault(kind, []).append((thing_id, data))
    if "offer" not in rows:
        return None
    contacts = [ContactStated.model_validate(state) for _, state in rows.get("contact", ())]
    authors = {one: ContactStated.model_validate(state).full_name for one, state in rows.get("author", ())}
    return Found(Offered.model_validate(rows["offer"][0][1]), contacts[0] if contacts else None, authors)


# The machine's own: asked and written after `act`.


async def alone(db: AsyncSession, offer_id: UUID) -> None:
    """Wait until nobody else changes this offer or asks for it."""
    await db.execute(ALONE, {"offer": offer_id})


async def add(
    db: AsyncSession, tenant_id: UUID, person_id: UUID, rows: Iterable[tuple[UUID, UUID, str, str]], now: datetime
) -> None:
    """Write offers: id, school, title, words."""
    names = ("offer_id", "school_id", "title", "words", "tenant_id", "person_id", "made_at")
    await insert_rows(db, OFFER, names, [(*row, tenant_id, person_id, now) for row in rows])


async def change(db: AsyncSession, offer_id: UUID, **fields: Any) -> None:
    """Write these fields of an offer."""
    await db.execute(update(OFFER).where(OFFER.c.offer_id == offer_id).values(**fields))


async def write_asked(
    db: AsyncSession, asked_id: UUID, offer_id: UUID, author_id: UUID, words: str, now: datetime
) -> None:
    """Write that a teacher asks."""
    names = ("asked_id", "offer_id", "author_id", "words", "asked_at")
    await insert_rows(db, ASKED, names, [(asked_id, offer_id, author_id, words, now)])


async def answer(db: AsyncSession, offer_id: UUID, asked_id: UUID, given: Answer, now: datetime) -> bool:
    """Write what the guardian answers; a later answer replaces it. False when nobody asked so."""
    mine = (ASKED.c.asked_id == asked_id) & (ASKED.c.offer_id == offer_id)
    written = update(ASKED).where(mine).values(answer=given, answered_at=now).returning(ASKED.c.asked_id)
    return bool((await db.execute(written)).all())
