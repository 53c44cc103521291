"""Consents: everyone around a pupil in one statement, the signatures, and what is stated once all have signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.family import Pupil
from services.portal.domain.rights import Circle
from services.portal.tables import Approval, roster
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.envelope import Received
from shared.events.people import ConsentStated
from shared.events.roster import GuardianshipsStated, PersonStated
from shared.ids import new_id
from shared.messaging.reader import Batch
from shared.roster.access import consent_id, ties_of
from shared.roster.projection import roster_reader

APPROVAL_NAMES = ("consent_id", "signed_by", "tenant_id", "pupil_id", "person_id", "at")
ALONE = text("select pg_advisory_xact_lock(hashtextextended(cast(:consent as text), 0))")
CIRCLES = text(
    """
    with pupil as materialized (select unnest(cast(:ids as uuid[])) as id),
    grown as materialized (
        select distinct l.to_id as id
        from pupil join roster_link l on l.from_id = pupil.id and l.kind in ('tie', 'consent')
        union select id from pupil
    )
    select 'ties' as kind, r.id, r.state as data
    from pupil join roster r on r.event_type = 'roster.guardianships_stated.v1' and r.id = pupil.id
    union all
    select 'person', r.id, r.state
    from grown join roster r on r.event_type = 'roster.person_stated.v1' and r.id = grown.id
    union all
    select 'name', r.id, jsonb_build_array(r.state -> 'given_name', r.state -> 'family_name')
    from grown join roster r on r.event_type = 'roster.contact_stated.v1' and r.id = grown.id
    union all
    select 'consent', r.id, r.state
    from pupil join roster_link l on l.from_id = pupil.id and l.kind = 'consent'
        join roster r on r.event_type = 'consent.stated.v1' and r.id = l.source_id
    union all
    select 'signed', s.pupil_id, jsonb_build_array(s.person_id, s.signed_by)
    from pupil join approval s on s.pupil_id = pupil.id
    union all
    select 'asked', q.person_id, to_jsonb(q.kind) from question q where q.person_id = :me and q.answered_at is null
    """
)


async def circles(db: AsyncSession, pupils: Sequence[Pupil], reader: UUID) -> tuple[list[Circle], bool]:
    """Everyone around these pupils, in their order, and whether the reader is asked about their rights."""
    rows = await db.execute(CIRCLES, {"ids": [one.pupil_id for one in pupils], "me": reader})
    by_kind: dict[str, list[tuple[UUID, Any]]] = defaultdict(list)
    for kind, thing_id, data in rows:
        by_kind[kind].append((thing_id, data))
    persons = {one: PersonStated.model_validate(state) for one, state in by_kind["person"]}
    names = {one: f"{given} {family}" for one, (given, family) in by_kind["name"]}
    ties = {one: GuardianshipsStated.model_validate(state) for one, state in by_kind["ties"]}
    consents = [ConsentStated.model_validate(state) for _, state in by_kind["consent"]]
    found = [
        Circle(
            pupil=persons[one.pupil_id],
            on=one.today,
            ties=ties_of(ties.get(one.pupil_id)),
            persons=persons,
            names=names,
            consents={consent.person_id: consent for consent in consents if consent.pupil_id == one.pupil_id},
            signed=_signed(one.pupil_id, by_kind["signed"]),
        )
        for one in pupils
        if one.pupil_id in persons
    ]
    return found, bool(by_kind["asked"])


async def alone(db: AsyncSession, pupil_id: UUID, person_id: UUID) -> None:
    """Wait until nobody else is deciding about this consent: two parents may sign in the same second."""
    await db.execute(ALONE, {"consent": str(consent_id(pupil_id, person_id))})


async def add_signature(db: AsyncSession, circle: Circle, person_id: UUID, signer: UUID, now: datetime) -> None:
    """Keep a signature; one that is there already stays as it was."""
    pupil = circle.pupil
    row = (consent_id(pupil.person_id, person_id), signer, pupil.tenant_id, pupil.person_id, person_id, now)
    await insert_rows(db, table_of(Approval), APPROVAL_NAMES, [row], ONCE)


async def remove_signatures(db: AsyncSession, circle: Circle, person_id: UUID) -> None:
    """Remove everybody's signature under one consent: whoever wants it back asks everyone again."""
    consent = consent_id(circle.pupil.person_id, person_id)
    await db.execute(delete(table_of(Approval)).where(table_of(Approval).c.consent_id == consent))


async def state(db: AsyncSession, stated: ConsentStated, now: datetime) -> None:
    """Let the portal's own copy know at once, as its reader would: what was taken back must not show any longer."""
    received = Received(stated, str(new_id()).encode(), None, stated.topic, 0, 0)
    await roster_reader(roster, ConsentStated).handle(db, Batch([received], now))


def _signed(pupil_id: UUID, rows: Iterable[tuple[UUID, Any]]) -> Mapping[UUID, frozenset[UUID]]:
    signed: dict[UUID, set[UUID]] = defaultdict(set)
    for pupil, (person, by) in rows:
        if pupil == pupil_id:
            signed[UUID(person)].add(UUID(by))
    return {person: frozenset(by) for person, by in signed.items()}


GROWN_UP = text(
    """
    select r.state from roster_link l join roster r on r.event_type = 'roster.person_stated.v1' and r.id = l.from_id
    where l.kind = 'enrolled' and l.to_id = any(cast(:schools as uuid[]))
        and r.state ->> 'born' between :first and :last
        and not exists (select from question q where q.person_id = r.id and q.kind = :kind)
    """
)


async def came_of_age(
    session: AsyncSession, schools: Iterable[UUID], first: date, last: date, kind: str
) -> list[PersonStated]:
    """Pupils of these schools born from `first` to `last` who were never asked this. For the machine alone: it reads
    every pupil's state, once a night.
    """
    values = {"schools": list(schools), "first": first.isoformat(), "last": last.isoformat(), "kind": kind}
    states = await session.scalars(GROWN_UP, values)
    return list({one.person_id: one for one in map(PersonStated.model_validate, states)}.values())
