"""A service's own copy of what it needs from the roster: the latest version of each thing, erased on a tombstone.

Beside each thing's state, `roster_link` holds who is connected with whom, so that "whose children are these" is one
look into an index (and stays one under row-level security, where conditions on JSON cannot use an index).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows, newer_wins
from shared.db.walls import Wall, walled
from shared.events.envelope import Erased, Event, Outgoing
from shared.events.people import ConsentStated
from shared.events.roster import (
    GroupStated,
    GuardianshipsStated,
    LoginStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.ids import login_link
from shared.messaging.reader import Batch, Reader
from shared.topics import BY_NAME

NAMES = ("event_type", "id", "version", "tenant_id", "state")
KEY = ("event_type", "id")
LINK_NAMES = ("kind", "source_id", "from_id", "to_id", "tenant_id")
Place = tuple[str, UUID]
R = TypeVar("R", bound=Event)


class Link(StrEnum):
    """Who is connected with whom; in brackets what states it."""

    TIE = "tie"  # pupil → grown-up (guardianships)
    CONSENT = "consent"  # pupil → person (consent)
    ENROLLED = "enrolled"  # person → school (person)
    MEMBER = "member"  # group → person (group)
    GROUP_OF = "group_of"  # group → school (group)
    POST = "post"  # post → person (staff)
    TAUGHT = "taught"  # subject → group (subject)
    UNDER = "under"  # school → the one above it (school)
    LOGIN = "login"  # identifier somebody logs in by (`login_link`) → person (login)


def roster_table(metadata: MetaData) -> Table:
    """Add the roster copy to a service's metadata. `state` is the event itself, read back with its own model."""
    Table(
        "roster_link",
        metadata,
        Column("kind", Text, primary_key=True),
        Column("source_id", Uuid, primary_key=True, comment="the thing whose state says so"),
        Column("from_id", Uuid, primary_key=True),
        Column("to_id", Uuid, primary_key=True),
        Column("tenant_id", Uuid),
        Index("ix_roster_link_from", "from_id", "kind"),
        Index("ix_roster_link_to", "to_id", "kind"),
        **walled(Wall.TENANT),
    )
    return Table(
        "roster",
        metadata,
        Column("event_type", Text, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("tenant_id", Uuid),
        Column("state", JSONB, nullable=False),
        **walled(Wall.TENANT),
    )


def link_table(roster: Table) -> Table:
    """The links beside this copy."""
    return roster.metadata.tables["roster_link"]


def roster_reader(table: Table, *kinds: type[Event]) -> Reader:
    """A reader that keeps the copy of these kinds true."""
    tail = newer_wins(table, KEY, NAMES, "roster.event_type, roster.id")
    links = link_table(table)

    async def keep(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        latest: dict[Place, Event] = {}
        for received in batch.received:
            event = received.event
            if isinstance(event, Erased):
                place = (event.erased_type, UUID(event.erased_key))
                latest.pop(place, None)
                await _forget(session, table, place)
            else:
                place = (event.event_type, UUID(event.key()))
                latest[place] = _newer(event, latest.get(place))
        rows = [(*place, *_owned(event), event.to_json().decode()) for place, event in latest.items()]
        written = await insert_rows(session, table, NAMES, rows, tail)
        fresh = [latest[row.event_type, row.id] for row in written]
        await _relink(session, links, fresh)
        return []

    return Reader("roster", [BY_NAME[kind.topic] for kind in kinds], kinds, keep)


async def known(session: AsyncSession, table: Table, kind: type[R], ids: Iterable[UUID]) -> dict[UUID, R]:
    """The things of one kind with these ids, by id; what is not known is not there."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    these = table.c.id == any_(bindparam(None, wanted, ARRAY(Uuid)))  # one array, however many there are
    mine = select(table.c.id, table.c.state).where(table.c.event_type == kind.event_type, these)
    return {row.id: kind.model_validate(row.state) for row in (await session.execute(mine)).all()}


async def everything(session: AsyncSession, table: Table, kind: type[R]) -> list[R]:
    """All things of one kind; for the few kinds of which there are few, such as schools."""
    rows = await session.scalars(select(table.c.state).where(table.c.event_type == kind.event_type))
    return [kind.model_validate(state) for state in rows]


async def linked(
    session: AsyncSession,
    table: Table,
    kind: type[R],
    link: Link,
    *,
    out_of: Iterable[UUID] = (),
    into: Iterable[UUID] = (),
) -> list[R]:
    """The things of one kind that connect out of one of these ids, or into one of those."""
    links = link_table(table)
    ends = or_(links.c.from_id.in_(list(out_of)), links.c.to_id.in_(list(into)))
    mine = select(links.c.source_id).where(links.c.kind == link, ends)
    states = select(table.c.state).where(table.c.event_type == kind.event_type, table.c.id.in_(mine))
    return [kind.model_validate(state) for state in await session.scalars(states)]


def links_of(event: Event) -> Iterator[tuple[Link, UUID, UUID]]:
    """What an event says about who is connected with whom: kind, from, to."""
    match event:
        case GuardianshipsStated():
            yield from ((Link.TIE, event.pupil_id, tie.guardian_id) for tie in event.ties)
        case ConsentStated():
            yield Link.CONSENT, event.pupil_id, event.person_id
        case PersonStated():
            yield from ((Link.ENROLLED, event.person_id, school_id) for school_id in event.school_ids)
        case GroupStated():
            yield Link.GROUP_OF, event.group_id, event.school_id
            yield from ((Link.MEMBER, event.group_id, member.person_id) for member in event.members)
        case StaffStated(person_id=UUID() as holder):
            yield Link.POST, event.post_id, holder
        case SubjectStated():
            yield from ((Link.TAUGHT, event.subject_id, group_id) for group_id in event.group_ids)
        case LoginStated():
            yield from ((Link.LOGIN, login_link(one), event.person_id) for one in event.identifiers)
        case SchoolStated(parent_id=UUID() as above):
            yield Link.UNDER, event.school_id, above


LINKS_BY = {
    GuardianshipsStated.event_type: (Link.TIE,),
    ConsentStated.event_type: (Link.CONSENT,),
    PersonStated.event_type: (Link.ENROLLED,),
    GroupStated.event_type: (Link.GROUP_OF, Link.MEMBER),
    StaffStated.event_type: (Link.POST,),
    SubjectStated.event_type: (Link.TAUGHT,),
    SchoolStated.event_type: (Link.UNDER,),
    LoginStated.event_type: (Link.LOGIN,),
}


def _newer(event: Any, before: Any) -> Event:
    """The newer of two states of one thing: what is said again must not undo what was said since."""
    newest: Event = before if before is not None and before.version > event.version else event
    return newest


def _owned(event: Any) -> tuple[int, UUID | None]:
    return event.version, event.tenant_id


async def _relink(session: AsyncSession, links: Table, events: Sequence[Any]) -> None:
    """Let the links of these things be what they now say."""
    places = [(kind, UUID(event.key())) for event in events for kind in LINKS_BY.get(event.event_type, ())]
    if not places:
        return
    for start in range(0, len(places), 2000):
        gone = tuple_(links.c.kind, links.c.source_id).in_(places[start : start + 2000])
        await session.execute(delete(links).where(gone))
    rows = {
        (kind, UUID(event.key()), from_id, to_id, event.tenant_id)
        for event in events
        for kind, from_id, to_id in links_of(event)
    }
    await insert_rows(session, links, LINK_NAMES, list(rows))


async def _forget(session: AsyncSession, table: Table, place: Place) -> None:
    event_type, erased_id = place
    links = link_table(table)
    await session.execute(delete(table).where(tuple_(table.c.event_type, table.c.id) == place))
    mine = (links.c.source_id == erased_id) & links.c.kind.in_(LINKS_BY.get(event_type, ()))
    await session.execute(delete(links).where(mine))
