"""What is done with a talk: held, written down, agreed, signed; and with what was agreed in it.

Everything here runs in the machine's transaction, after it was asked whether this person may, with the talk locked
(`store.talks.alone`). A change that meets a newer version changes nothing and answers None, so that whoever typed
can see both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.covering import talk_held
from services.scheduling.domain.commitments import Move, after, next_question
from services.scheduling.domain.talks import Parties, Signed, missing
from services.scheduling.outgoing import about_talk, commitment_stated, talk_stated
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import commitments, talks
from services.scheduling.store.talks import TalkFacts
from services.scheduling.tables import Commitment, Record, Talk
from services.scheduling.tables import kit as tables
from shared.due.plan import cancel, plan
from shared.errors import Permanent
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.scheduling import CommitmentStatus, Owner, TalkState
from shared.ids import new_id

CHECK, SILENCE = "commitment_check", "commitment_silence"  # what falls due: by commitment, and by question


@dataclass(frozen=True)
class Promise:
    """What is agreed: who, what, until when, and how it is followed up."""

    owner: Owner
    promised_by: UUID | None
    what: str
    how: str
    due: date | None


async def hold(
    session: AsyncSession,
    facts: TalkFacts,
    summary: str,
    present: Iterable[UUID],
    author_id: UUID,
    now: datetime,
    zone: str,
    settings: SchedulingSettings,
) -> list[Outgoing]:
    """The talk took place: the duty is met, what was proposed goes on from now, and the plan is there to sign."""
    record = Record(
        talk_id=facts.talk.talk_id,
        version=1,
        summary=summary,
        present=list(present),
        absence=None if facts.absence is None else {"subjects": list(facts.absence)},
        author_id=author_id,
        held_at=now,
        changed_at=now,
    )
    await talks.write_record(session, record)
    host = facts.talk.host_id or author_id
    talk = await talks.restate(session, facts.talk, now, state=TalkState.HELD, host_id=host)
    begun = await commitments.begin(session, talk.talk_id, now)
    await _ask_later(session, begun, now, now, settings)
    said = [_stated(facts, talk), *map(commitment_stated, begun), _to_read(talk, 1, now, zone)]
    return [*said, *await talk_held(session, talk, now)]


async def rewrite(
    session: AsyncSession, facts: TalkFacts, seen: int, summary: str, present: Iterable[UUID], now: datetime, zone: str
) -> list[Outgoing] | None:
    """Change what was written down: a new version, to be signed anew by all. None: it was changed meanwhile."""
    talk_id = facts.talk.talk_id
    if not await talks.change_record(session, talk_id, seen, now, summary=summary, present=list(present)):
        return None
    return await _anew(session, facts, seen + 1, now, zone)


async def agree(
    session: AsyncSession, facts: TalkFacts, promise: Promise, now: datetime, zone: str, settings: SchedulingSettings
) -> list[Outgoing]:
    """Note what is agreed: a proposal until the talk is held, then going on at once, in a new version of the plan."""
    talk, held = facts.talk, facts.record is not None
    one = Commitment(
        commitment_id=new_id(),
        version=1,
        tenant_id=talk.tenant_id,
        school_id=talk.school_id,
        pupil_id=talk.pupil_id,
        talk_id=talk.talk_id,
        **vars(promise),
        status=CommitmentStatus.ONGOING if held else CommitmentStatus.PROPOSED,
        changed_at=now,
    )
    await commitments.add(session, one)
    if facts.record is None:
        return []
    await _ask_later(session, [one], facts.record.held_at, now, settings)
    return [commitment_stated(one), *await plan_changed(session, facts, now, zone)]


async def reword(
    session: AsyncSession, facts: TalkFacts, commitment_id: UUID, seen: int, promise: Promise, now: datetime, zone: str
) -> list[Outgoing] | None:
    """Write what is agreed otherwise. None: it was changed meanwhile."""
    one = await commitments.change(session, commitment_id, seen, now, **vars(promise))
    if one is None:
        return None
    said = [] if one.status == CommitmentStatus.PROPOSED else [commitment_stated(one)]
    return said + (await plan_changed(session, facts, now, zone) if facts.record else [])


async def move(
    session: AsyncSession,
    one: Commitment,
    what: Move,
    seen: int,
    held_at: datetime | None,
    now: datetime,
    settings: SchedulingSettings,
) -> list[Outgoing] | None:
    """Let a commitment be done, fulfilled, stopped, or go on again. None: it was changed meanwhile, or cannot be."""
    status = after(what, CommitmentStatus(one.status))
    if status is CommitmentStatus.ONGOING and held_at is None:
        status = CommitmentStatus.PROPOSED
    changed = status and await commitments.change(session, one.commitment_id, seen, now, status=status)
    if not changed:
        return None
    await cancel(session, CHECK, [changed.commitment_id])
    if held_at is not None:
        await _ask_later(session, [changed], held_at, now, settings)
    return [] if held_at is None else [commitment_stated(changed)]


async def sign(
    session: AsyncSession, facts: TalkFacts, parties: Parties, person_id: UUID, seen: int, now: datetime
) -> list[Outgoing] | None:
    """Sign the plan in version `seen`; when nobody is missing, it is signed. Each signature is stated: who has signed
    is asked no more. None: there is another version.
    """
    if facts.record is None or facts.record.version != seen:
        return None
    already = any(one.person_id == person_id and one.version == seen for one in facts.signatures)
    if already:
        return []
    await talks.add_signature(session, facts.talk.talk_id, person_id, seen, now)
    signatures = [*facts.signatures, Signed(person_id, seen, now)]
    if facts.talk.state == TalkState.SIGNED:
        return []
    state = TalkState.HELD if missing(parties, signatures, seen) else TalkState.SIGNED
    by = [one.person_id for one in signatures if one.version == seen]
    return [_stated(facts, await talks.restate(session, facts.talk, now, state=state), by)]


async def plan_changed(session: AsyncSession, facts: TalkFacts, now: datetime, zone: str) -> list[Outgoing]:
    """What is agreed in a talk that was held has changed: a new version, to be signed anew."""
    if facts.record is None:
        return []
    version = facts.record.version
    await talks.change_record(session, facts.talk.talk_id, version, now)
    return await _anew(session, facts, version + 1, now, zone)


def shown(facts: TalkFacts, now: datetime, zone: str) -> list[Outgoing]:
    """The school has shown what it prepared: there is something to read at home."""
    return [about_talk(NotificationKind.TALK_TO_READ, facts.talk, now, mark="prepared", zone=zone)]


async def _anew(session: AsyncSession, facts: TalkFacts, version: int, now: datetime, zone: str) -> list[Outgoing]:
    """Whoever had signed the version before is told that there is another; the others have it before them anyway."""
    signed = any(one.version == version - 1 for one in facts.signatures)
    said = [_to_read(facts.talk, version, now, zone)] if signed else []
    if facts.talk.state != TalkState.SIGNED:
        return said
    return [_stated(facts, await talks.restate(session, facts.talk, now, state=TalkState.HELD)), *said]


async def _ask_later(
    session: AsyncSession, some: Sequence[Commitment], held_at: datetime, now: datetime, settings: SchedulingSettings
) -> None:
    every = timedelta(days=settings.check_in_days)
    times = [(one, next_question(CommitmentStatus(one.status), held_at, one.due, now, every)) for one in some]
    await plan(session, tables, CHECK, [(one.commitment_id, when, None) for one, when in times if when])


def _stated(facts: TalkFacts, talk: Talk, signed_by: Iterable[UUID] = ()) -> Outgoing:
    if facts.round is None:
        raise Permanent("A talk was changed in a transaction that does not reach its round.")
    return talk_stated(talk, facts.round, facts.place, signed_by)


def _to_read(talk: Talk, version: int, now: datetime, zone: str) -> Outgoing:
    return about_talk(NotificationKind.TALK_TO_READ, talk, now, mark=f"plan {version}", zone=zone)
