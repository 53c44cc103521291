"""What proposals' pages show, each in one statement. Whoever shows it has asked who may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.tables import (
    Proposal,
    Round,
)

RULED = text("""
select to_jsonb(p) as proposal,
  (select jsonb_agg(to_jsonb(r) order by r.title, r.round_id) from round r
    where r.round_id = any(p.round_ids)) as rounds
from proposal p where p.proposal_id = :proposal_id
""")
LISTED = text("""
select to_jsonb(r) as round,
  (select jsonb_agg(to_jsonb(p) order by p.started_at desc) from proposal p
    where r.round_id = any(p.round_ids)) as proposals,
  (select jsonb_agg(jsonb_build_object('round_id', o.round_id, 'title', o.title, 'school_id', o.school_id,
      'state', o.state, 'author_id', o.author_id) order by o.title) from round o
    where o.state in ('wishes', 'proposed', 'booking') and o.round_id <> r.round_id) as others,
  (select count(*) from talk t where t.round_id = r.round_id and t.state <> 'cancelled') as talks,
  (select count(*) from talk t where t.round_id = r.round_id and t.state = 'wanted') as wanting,
  (select count(distinct n.person_id) from talk t join need n on n.person_id = any(t.guardian_ids || t.pupil_id)
    where t.round_id = r.round_id and n.answered_at >= r.created_at) as answered
from round r where r.round_id = :round_id
""")
ROWS = text("""
select x.talk_id, x.slot_id, x.why_not, x.interpreter_id, t.host_id as was_host, t.pupil_id, t.household, t.state,
  t.slot_id as now_slot, t.round_id, s.starts_at, s.ends_at, coalesce(s.host_id, t.host_id) as host_id,
  g.state ->> 'name' as group_name, pupil.state as pupil, named.state as contact, host.state as host, r.school_id,
  i.name as interpreter,
  (select jsonb_agg(jsonb_build_array(f.starts_at, f.ends_at) order by f.starts_at) from slot f
    where f.slot_id in (select one::uuid
      from jsonb_array_elements_text(coalesce(p.measures -> 'times' -> (x.talk_id::text), '[]')) one)) as times
from proposal p join proposal_talk x on x.proposal_id = p.proposal_id join talk t on t.talk_id = x.talk_id
join round r on r.round_id = t.round_id
left join slot s on s.slot_id = x.slot_id
left join interpreter i on i.interpreter_id = x.interpreter_id
left join roster g on g.event_type = 'roster.group_stated.v1' and g.id = t.group_id
left join roster pupil on pupil.event_type = 'roster.person_stated.v1' and pupil.id = t.pupil_id
left join roster named on named.event_type = 'roster.contact_stated.v1' and named.id = t.pupil_id
left join roster host on host.event_type = 'roster.contact_stated.v1' and host.id = coalesce(s.host_id, t.host_id)
where p.proposal_id = :proposal_id order by s.starts_at nulls first, t.talk_id
""")


async def ruled(session: AsyncSession, proposal_id: UUID) -> tuple[Proposal, list[Round]] | None:
    """A proposal with its rounds; None when there is none within reach. One statement."""
    row = (await session.execute(RULED, {"proposal_id": proposal_id})).one_or_none()
    if row is None:
        return None
    return Proposal.model_validate(row.proposal), [Round.model_validate(one) for one in row.rounds or []]


async def rows_of(session: AsyncSession, proposal_id: UUID) -> Sequence[Row[Any]]:
    """What a proposal says, with the names of pupils, hosts and classes. One statement."""
    return (await session.execute(ROWS, {"proposal_id": proposal_id})).all()


@dataclass(frozen=True)
class Listed:
    """A round, its proposals, the newest first, and other rounds that could be proposed with it."""

    round: Round
    proposals: list[Proposal]
    others: Sequence[Mapping[str, Any]]
    talks: int
    wanting: int
    answered: int


async def listed(session: AsyncSession, round_id: UUID) -> Listed | None:
    """The round and its proposals; None when there is none within reach. One statement."""
    row = (await session.execute(LISTED, {"round_id": round_id})).one_or_none()
    if row is None:
        return None
    proposals = [Proposal.model_validate(one) for one in row.proposals or []]
    others = [
        {**one, "round_id": UUID(one["round_id"]), "school_id": UUID(one["school_id"])} for one in row.others or []
    ]
    return Listed(Round.model_validate(row.round), proposals, others, row.talks, row.wanting, row.answered)
