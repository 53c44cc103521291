"""The records: what is kept of schools, persons, lessons and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.kinds import EVENTS, KINDS, Kind, Resource
from services.registry.domain.record import Record, payload_of
from services.registry.domain.statements import Key, Known, Needs, Ties
from services.registry.domain.widening import Bounds, PersonBounds, TieBounds
from services.registry.tables import record
from shared.db.bulk import insert_rows
from shared.events.attendance import LessonPlanned
from shared.events.roster import GuardianshipsStated, SubjectStated

BOUNDS: Mapping[Kind, type[Bounds]] = {Kind.PERSON: PersonBounds, Kind.GUARDIANSHIPS: TieBounds}
WRITER_LOCK = 7_305_531
COLUMNS = "kind, id, ref, version, digest, source, modified_at, erased_at, tenant_id, stated, bounds, since"
NAMES = (
    "kind",
    "id",
    "ref",
    "version",
    "digest",
    "payload",
    "source",
    "school_id",
    "modified_at",
    "erased_at",
    "tenant_id",
    "stated",
    "bounds",
    "since",
)
UPSERT = "on conflict (kind, id) do update set " + ", ".join(f"{name} = excluded.{name}" for name in NAMES[2:])
# Only content on which somebody's access depends is needed to judge a statement; for the rest the digest is enough.
STORED = text(
    f"select {COLUMNS}, case when kind in ('person', 'guardianships') then payload end as payload from record "
    "join unnest(cast(:kinds as text[]), cast(:ids as uuid[])) as wanted(kind, id) using (kind, id)"
)
ADDRESSED = text(
    f"select {COLUMNS}, payload from record where kind = 'contact' and erased_at is null "
    "and id = any(cast(:ids as uuid[])) and payload ? 'address'"
)
BY_ROW = text(
    f"select {COLUMNS}, payload from record where kind = any(cast(:kinds as text[])) and erased_at is null "
    "and source = :source and (ref = any(cast(:refs as uuid[])) or id = any(cast(:refs as uuid[]))) "
    "order by array_position(cast(:kinds as text[]), kind), id"
)
# A connected source names things of its own municipality only: none may excuse or accuse another's pupil. Rows from
# before municipalities were kept have none, and an operator's own file is held to none.
OWN = (
    "id = any(cast(:ids as uuid[])) "
    "and (tenant_id is null or cast(:tenant as uuid) is null or tenant_id = cast(:tenant as uuid))"
)
PERSONS = text(f"select id from record where kind = 'person' and erased_at is null and {OWN}")
LESSONS = text(f"select id, payload from record where kind = 'lesson' and {OWN}")
SUBJECTS = text(f"select id, payload from record where kind = 'subject' and erased_at is null and {OWN}")
# As the source states them: a list that is pieced together goes on from all that was said, not from what is in force.
TIES = text(
    "select id, ref, coalesce(stated, payload) as payload from record where kind = 'guardianships' "
    "and erased_at is null and id = any(cast(:of as uuid[])) union all "
    "select r.id, r.ref, coalesce(r.stated, r.payload) from unnest(cast(:to as uuid[])) as grown_up(id) join record r "
    "on r.kind = 'guardianships' and r.erased_at is null and (coalesce(r.stated, r.payload) -> 'ties') "
    "@> jsonb_build_array(jsonb_build_object('guardian_id', grown_up.id))"
)
LIVE = "from record where source = :source and kind = :kind and erased_at is null"
WINDOWED = {
    Resource.CALENDAR_EVENTS: "and (payload ->> 'starts_at')::timestamptz between :since and :until",
    Resource.ABSENCES: "and (payload ->> 'ends_at')::timestamptz >= :since",
}


async def one_writer(session: AsyncSession) -> None:
    """Wait until no other transaction, here or in another process, is comparing and writing records."""
    await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})


async def known(session: AsyncSession, needs: Needs, tenant_id: UUID | None) -> Known:
    """Look up what rows refer to, in this municipality (None: in any)."""
    mine = {"ids": list(needs.persons), "tenant": tenant_id}
    return Known(
        persons=set(await session.scalars(PERSONS, mine)) if needs.persons else set(),
        lessons=await _lessons(session, needs.lessons, tenant_id) if needs.lessons else {},
        subjects=await _subjects(session, needs.subjects, tenant_id) if needs.subjects else {},
        ties=await _ties(session, needs) if needs.ties_of or needs.ties_to else {},
    )


async def stored(session: AsyncSession, keys: Iterable[Key]) -> dict[Key, Record]:
    """What is kept under these keys, erased or not; content only of persons and ties."""
    wanted = list(set(keys))
    arrays = {"kinds": [kind.value for kind, _ in wanted], "ids": [thing_id for _, thing_id in wanted]}
    records = [_record(row) for row in await session.execute(STORED, arrays)]
    return {one.key: one for one in records}


async def addressed(session: AsyncSession, person_ids: Sequence[UUID]) -> list[Record]:
    """What is kept of how to reach these people, with content, where it says where they live."""
    if not person_ids:
        return []
    return [_record(row) for row in await session.execute(ADDRESSED, {"ids": list(person_ids)})]


async def of_rows(session: AsyncSession, source: str, resource: Resource, refs: Sequence[UUID]) -> list[Record]:
    """Everything of this source, with content, that hangs on these rows of one list."""
    arrays = {"source": source, "kinds": [kind.value for kind in KINDS[resource]], "refs": list(refs)}
    return [_record(row) for row in await session.execute(BY_ROW, arrays)]


async def write(session: AsyncSession, records: Iterable[Record]) -> None:
    """Keep these records as they now are."""
    rows = [
        (
            one.kind.value,
            one.id,
            one.ref,
            one.version,
            one.digest,
            payload_of(one.event) if one.event else None,
            one.source,
            getattr(one.event, "school_id", None),
            one.modified,
            one.erased_at,
            one.tenant_id,
            payload_of(one.stated) if one.stated else None,
            one.bounds.model_dump_json() if one.bounds else None,
            one.since,
        )
        for one in records
    ]
    await insert_rows(session, record, NAMES, rows, UPSERT)


async def count_live(
    session: AsyncSession, source: str, resource: Resource, since: datetime | None, until: datetime | None
) -> int:
    """How many rows of one list are kept from this source (of lessons and absences: in that time)."""
    statement = text(f"select count(*) {LIVE} {WINDOWED.get(resource, '')}")
    return int(await session.scalar(statement, _window(source, resource, since, until)) or 0)


async def missing(
    session: AsyncSession,
    source: str,
    resource: Resource,
    seen: Iterable[UUID],
    since: datetime | None,
    until: datetime | None,
) -> list[UUID]:
    """The ids of the rows of one list that are kept from this source and are not among those seen."""
    statement = text(
        f"select ref {LIVE} {WINDOWED.get(resource, '')} "
        "and not exists (select from unnest(cast(:seen as uuid[])) as seen(id) where seen.id = record.ref)"
    )
    return list(await session.scalars(statement, {**_window(source, resource, since, until), "seen": list(seen)}))


def _window(source: str, resource: Resource, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    values: dict[str, Any] = {"source": source, "kind": KINDS[resource][0].value}
    if resource in WINDOWED:
        values["since"] = since
    if resource is Resource.CALENDAR_EVENTS:
        values["until"] = until
    return values


def _record(row: Row[Any]) -> Record:
    kind = Kind(row.kind)
    bounds = BOUNDS[kind].model_validate(row.bounds) if row.bounds else None
    return Record(
        kind=kind,
        id=row.id,
        ref=row.ref,
        version=row.version,
        digest=bytes(row.digest),
        event=EVENTS[kind].model_validate({**row.payload, "version": row.version}) if row.payload else None,
        source=row.source,
        modified=row.modified_at,
        erased_at=row.erased_at,
        tenant_id=row.tenant_id,
        stated=EVENTS[kind].model_validate({**row.stated, "version": 0}) if row.stated else None,
        bounds=bounds,
        since=row.since,
    )


async def _lessons(session: AsyncSession, wanted: Iterable[UUID], tenant_id: UUID | None) -> dict[UUID, LessonPlanned]:
    rows = await session.execute(LESSONS, {"ids": list(wanted), "tenant": tenant_id})
    return {row.id: LessonPlanned.model_validate({**row.payload, "version": 0}) for row in rows}


async def _subjects(session: AsyncSession, wanted: Iterable[UUID], tenant_id: UUID | None) -> dict[UUID, SubjectStated]:
    rows = await session.execute(SUBJECTS, {"ids": list(wanted), "tenant": tenant_id})
    return {row.id: SubjectStated.model_validate({**row.payload, "version": 0}) for row in rows}


async def _ties(session: AsyncSession, needs: Needs) -> dict[UUID, Ties]:
    rows = await session.execute(TIES, {"of": list(needs.ties_of), "to": list(needs.ties_to)})
    stated = [(row, GuardianshipsStated.model_validate({**row.payload, "version": 0})) for row in rows]
    return {row.id: Ties(event.ties, own=row.ref == row.id) for row, event in stated}
