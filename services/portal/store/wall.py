"""What the municipality watches: notices that have not arrived, the registries, the services. Nobody's name is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.store.audit import CHAIN_END
from services.portal.store.finding import CLASSED, Zones, asked, finding
from services.portal.store.schools import Row

EARLIER_DAYS = 8  # a notice about an earlier day may be owed today (absence registered afterwards)
# It arrived, and was read by nobody through any channel, or came back afterwards: the ledger's duty stays delivered.
CALLED = (
    "exists (select from duty_moment m where m.duty_id = {}.duty_id and m.status = 'unreachable' "
    "and m.reason in ('unread', 'bounced'))"
)
TODAYS = (
    "d.kind = :kind and d.day between :since and :until and (d.status in ('owed', 'sent', 'unreachable') "
    f"or d.status = 'delivered' and {CALLED.format('d')}) "
    "and (d.moved_at at time zone place.zone)::date = place.today"
)
WAITING = text(
    finding(TODAYS)
    + CLASSED
    + """
    select c.duty_id, c.school_id, c.class_name, c.moved_at,
        c.status in ('unreachable', 'delivered') as to_phone,
        (select m.reason from duty_moment m where m.duty_id = c.duty_id and m.status = 'unreachable') as reason
    from classed c where c.status in ('unreachable', 'delivered') or c.moved_at <= :before
    order by c.moved_at, c.duty_id limit :most"""
)
HEALTH = text(
    f"""
    select 'source' as what, to_jsonb(s) as fact from source_state s where s.tenant_id = :tenant
    union all select 'service', to_jsonb(s) from service_health s
    union all select 'chain', to_jsonb(c) from ({CHAIN_END}) c"""
)


@dataclass(frozen=True)
class Undelivered:
    """A notice of today that has not arrived. `to_phone`: no mail can; `reason` says why in a code word."""

    duty_id: UUID
    school_id: UUID
    class_name: str | None
    since: datetime
    to_phone: bool
    reason: str | None


class Service(Row):
    """The latest word of a service about itself."""

    service: str
    dead_letters: int
    reported_at: datetime


class Source(Row):
    """The latest word about a registry that is connected."""

    name: str
    last_run_at: datetime | None
    last_good_at: datetime | None
    error: str | None
    held: int
    quarantined: int


class End(Row):
    """The last number of a municipality's chain of looks (0: nothing is sealed yet) and the time of its entry."""

    number: int = 0
    at: datetime | None = None


@dataclass(frozen=True)
class Health:
    """How the machinery is doing: registries and chain of one municipality, and the services of all, by name."""

    sources: Sequence[Source]
    services: Sequence[Service]
    chain: End

    @property
    def quarantined(self) -> int:
        """What waits for a registrar."""
        return sum(source.quarantined for source in self.sources)


async def undelivered(
    db: AsyncSession, zones: Zones, now: datetime, patience: timedelta, most: int
) -> list[Undelivered]:
    """Today's notices that nobody has: on the call list, or on the way for longer than `patience`; longest first."""
    since, until = now.date() - timedelta(days=EARLIER_DAYS), now.date() + timedelta(days=1)
    question = asked(zones, now, before=now - patience, most=most, since=since, until=until)
    rows = await db.execute(WAITING, question)
    return [
        Undelivered(row.duty_id, row.school_id, row.class_name, row.moved_at, row.to_phone, row.reason) for row in rows
    ]


async def health(db: AsyncSession, tenant_id: UUID) -> Health:
    """How the machinery is doing, as the services have last said."""
    rows = (await db.execute(HEALTH, {"tenant": tenant_id})).all()
    sources = [Source.model_validate(fact) for what, fact in rows if what == "source"]
    services = [Service.model_validate(fact) for what, fact in rows if what == "service"]
    chain = next((End.model_validate(fact) for what, fact in rows if what == "chain"), End())
    services.sort(key=lambda one: one.service)
    return Health(sorted(sources, key=lambda one: one.name), services, chain)
