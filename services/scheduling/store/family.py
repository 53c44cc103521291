"""All that the family's page shows, and a host's coming talks: one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import DEFAULT_ZONE
from shared.events.scheduling import TalkKind, TalkState

COMING_DAYS = timedelta(days=14)
SHOWN = text("""
with mine as (
  select talk_id from talk where pupil_id = any(cast(:pupils as uuid[]))
  union
  select talk_id from occupancy where :hosts and resource_id = :me and hold_until is null and talk_id is not null
    and during && tstzrange(cast(:since as timestamptz), cast(:until as timestamptz))
)
select t.talk_id, t.pupil_id, t.school_id, t.round_id, t.household, t.guardian_ids, t.host_id, t.kind, t.state,
  t.starts_at, t.ends_at, t.video, t.declined, t.interpreter_id,
  r.state as round_state, r.title, r.answer_by, r.books_from, r.books_until, r.early_minutes,
  school.state ->> 'zone' as zone, school.state ->> 'name' as school, room.name as room, i.name as interpreter,
  pupil.state ->> 'marking' as marking,
  contact.state ->> 'given_name' as given_name, contact.state ->> 'family_name' as family_name,
  concat(host.state ->> 'given_name', ' ', host.state ->> 'family_name') as host,
  (select count(*) from commitment c where c.talk_id = t.talk_id) as agreed,
  (select count(*) from commitment c where c.talk_id = t.talk_id and c.status in ('proposed', 'ongoing')) as ongoing,
  record.held_at,
  exists(select from signature s where s.talk_id = t.talk_id and s.signed_by = :me
    and s.record_version = record.version) as signed,
  exists(select from need n where n.person_id = :me and n.answered_at >= r.created_at) as answered,
  exists(select from need n where n.person_id = any(t.guardian_ids || t.pupil_id) and n.interpreter is not null)
    as speaks,
  w.since as waits_since,
  (select array[o.hold_id::text, o.hold_until::text] from occupancy o
   where o.talk_id = t.talk_id and o.hold_until > :now order by o.hold_until desc limit 1) as held
from mine join talk t on t.talk_id = mine.talk_id
left join round r on r.round_id = t.round_id
left join room on room.room_id = t.room_id
left join interpreter i on i.interpreter_id = t.interpreter_id
left join record on record.talk_id = t.talk_id
left join waiting w on w.talk_id = t.talk_id
left join roster school on school.event_type = 'roster.school_stated.v1' and school.id = t.school_id
left join roster pupil on pupil.event_type = 'roster.person_stated.v1' and pupil.id = t.pupil_id
left join roster contact on contact.event_type = 'roster.contact_stated.v1' and contact.id = t.pupil_id
left join roster host on host.event_type = 'roster.contact_stated.v1' and host.id = t.host_id
order by t.starts_at nulls last, t.talk_id
""")


@dataclass(frozen=True)
class Shown:
    """A talk as a page shows it."""

    talk_id: UUID
    pupil_id: UUID
    school_id: UUID
    round_id: UUID
    household: int
    guardian_ids: tuple[UUID, ...]
    host_id: UUID | None
    kind: TalkKind
    state: TalkState
    name: str
    given_name: str
    protected: bool
    host: str
    school: str
    zone: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    video: bool = False
    room: str | None = None
    interpreter: str | None = None
    speaks: bool = False  # somebody in it needs an interpreter
    title: str = ""
    round_state: str = ""
    answer_by: datetime | None = None
    books_from: datetime | None = None
    books_until: datetime | None = None
    early_minutes: int = 0
    agreed: int = 0
    ongoing: int = 0
    held_at: datetime | None = None
    signed: bool = False
    answered: bool = False
    waits_since: datetime | None = None
    hold_id: UUID | None = None
    hold_until: datetime | None = None


AS_READ = (
    *("talk_id", "pupil_id", "school_id", "round_id", "household", "host_id", "starts_at", "ends_at", "video"),
    *("room", "interpreter", "speaks", "answer_by", "books_from", "books_until", "agreed", "ongoing"),
    *("held_at", "signed", "answered", "waits_since", "host"),
)


async def shown_to(
    session: AsyncSession, me: UUID, pupil_ids: Iterable[UUID], now: datetime, *, hosts: bool
) -> list[Shown]:
    """All talks of these pupils, and with `hosts` those that this person holds from today on, by their time."""
    values = {
        "me": me,
        "pupils": list(pupil_ids),
        "hosts": hosts,
        "now": now,
        "since": now - timedelta(hours=12),
        "until": now + COMING_DAYS,
    }
    return [_shown(row) for row in await session.execute(SHOWN, values)]


def _shown(row: Any) -> Shown:
    held = row.held or (None, None)
    return Shown(
        **{name: getattr(row, name) for name in AS_READ},
        guardian_ids=tuple(row.guardian_ids),
        kind=TalkKind(row.kind),
        state=TalkState(row.state),
        name=f"{row.given_name or ''} {row.family_name or ''}".strip(),
        given_name=row.given_name or "",
        protected=row.marking not in (None, "none"),
        school=row.school or "",
        zone=row.zone or DEFAULT_ZONE,
        title=row.title or "",
        round_state=row.round_state or "",
        early_minutes=row.early_minutes or 0,
        hold_id=UUID(held[0]) if held[0] else None,
        hold_until=datetime.fromisoformat(held[1]) if held[1] else None,
    )
