"""Talks with everything that was said in them, read in one statement each, and how they are changed.

A person's page reads `a_talk` or `a_thread` and then `around` (names, and who answers for the pupil): two statements.
Whether the reader may see any of it is decided by `web.desk` and by nobody else.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from services.scheduling.domain.commitments import Answer, Question
from services.scheduling.domain.rounds import Side
from services.scheduling.domain.talks import Signed
from services.scheduling.domain.thread import Agreed
from services.scheduling.tables import Preparation, Record, Round, Talk
from shared.db.engine import table_of
from shared.events.envelope import Event
from shared.events.roster import (
    ContactStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)

INSTANTS: TypeAdapter[datetime | None] = TypeAdapter(datetime | None)
AGREED = TypeAdapter(Agreed)
TALK = table_of(Talk)
RECORD = table_of(Record)

ABOUT_PUPIL = """
union all select 'commitment', to_jsonb(c) || jsonb_build_object('kind', t.kind, 'household', t.household,
  'held_at', r.held_at, 'at', coalesce(r.held_at, t.starts_at, t.changed_at))
  from commitment c join one on one.pupil_id = c.pupil_id join talk t on t.talk_id = c.talk_id
  left join record r on r.talk_id = c.talk_id
union all select 'check_in', to_jsonb(k) from check_in k join commitment c using (commitment_id)
  join one on one.pupil_id = c.pupil_id
union all select 'theirs', jsonb_build_object('talk_id', t.talk_id, 'household', t.household,
  'guardian_ids', t.guardian_ids, 'host_id', t.host_id, 'state', t.state, 'school_id', t.school_id,
  'kind', t.kind, 'starts_at', t.starts_at) from talk t join one on one.pupil_id = t.pupil_id
"""
A_TALK = text(
    """with one as (select * from talk where talk_id = :talk_id)
select 'talk' as what, to_jsonb(one) as state from one
union all select 'round', to_jsonb(r) from round r join one using (round_id)
union all select 'room', to_jsonb(r.name) from room r join one using (room_id)
union all select 'preparation', to_jsonb(p) from preparation p join one using (talk_id)
union all select 'record', to_jsonb(r) from record r join one using (talk_id)
union all select 'signature', to_jsonb(s) from signature s join one using (talk_id)
union all select 'absence', to_jsonb(a) from absence_sum a join one using (pupil_id)
union all (select 'absence_before', r.absence from record r join talk t using (talk_id) join one using (pupil_id)
  where t.talk_id <> one.talk_id and jsonb_typeof(r.absence) = 'object' order by r.held_at desc limit 1)
"""
    + ABOUT_PUPIL
)
A_THREAD = text(
    "with one as (select coalesce(cast(:pupil_id as uuid), (select pupil_id from commitment "
    "where commitment_id = cast(:commitment_id as uuid))) as pupil_id) "
    "select 'pupil' as what, to_jsonb(pupil_id) as state from one where pupil_id is not null" + ABOUT_PUPIL
)
AROUND = text(
    "select event_type, id, state from roster where (event_type, id) in ("
    "select :person, unnest(cast(:people as uuid[])) union select :contact, unnest(cast(:people as uuid[])) "
    "union select :ties, cast(:pupil as uuid) union select :school, unnest(cast(:schools as uuid[])) "
    "union select :subject, unnest(cast(:subjects as uuid[])) "
    "union select :person, to_id from roster_link where from_id = cast(:pupil as uuid) and kind = 'tie' "
    "union select :contact, to_id from roster_link where from_id = cast(:pupil as uuid) and kind = 'tie' "
    "union select :staff, source_id from roster_link where to_id = cast(:viewer as uuid) and kind = 'post')"
)
KINDS: dict[str, type[Event]] = {
    "person": PersonStated,
    "contact": ContactStated,
    "ties": GuardianshipsStated,
    "school": SchoolStated,
    "subject": SubjectStated,
    "staff": StaffStated,
}


@dataclass(frozen=True)
class Prepared:
    """What one side has written. `shown_at` None: only that side reads it."""

    side: Side
    version: int
    answers: Mapping[str, str]
    author_id: UUID
    changed_at: datetime
    shown_at: datetime | None


@dataclass(frozen=True)
class OtherTalk:
    """Another talk of the same pupil, as far as it must be known to say who may open it."""

    talk_id: UUID
    school_id: UUID
    household: int
    guardian_ids: tuple[UUID, ...]
    host_id: UUID | None
    state: str
    kind: str
    starts_at: datetime | None


@dataclass(frozen=True)
class TalkFacts:
    """A talk and everything that hangs on it. Not yet for anybody's eyes."""

    talk: Talk
    round: Round | None
    place: str | None
    prepared: Mapping[Side, Prepared]
    record: Record | None
    signatures: tuple[Signed, ...]
    agreed: tuple[Agreed, ...]
    theirs: tuple[OtherTalk, ...]
    absence: Sequence[Mapping[str, Any]] | None = None
    absence_until: str | None = None
    absence_before: Sequence[Mapping[str, Any]] | None = None

    @property
    def here(self) -> list[Agreed]:
        """What is agreed, or proposed, in this talk."""
        return [one for one in self.agreed if one.talk_id == self.talk.talk_id]


@dataclass(frozen=True)
class Around:
    """The people and places around a pupil, as the roster knows them now."""

    persons: Mapping[UUID, PersonStated] = field(default_factory=dict)
    contacts: Mapping[UUID, ContactStated] = field(default_factory=dict)
    ties: GuardianshipsStated | None = None
    schools: Mapping[UUID, SchoolStated] = field(default_factory=dict)
    subjects: Mapping[UUID, SubjectStated] = field(default_factory=dict)
    posts: tuple[StaffStated, ...] = ()  # of the reader


async def a_talk(session: AsyncSession, talk_id: UUID) -> TalkFacts | None:
    """Everything about a talk in one statement; None when there is no such talk within reach."""
    found = await _gathered(session, A_TALK, talk_id=talk_id)
    if not found["talk"]:
        return None
    record, absence = found["record"], found["absence"]
    prepared = [_prepared(one) for one in found["preparation"]]
    return TalkFacts(
        talk=Talk.model_validate(found["talk"][0]),
        round=Round.model_validate(found["round"][0]) if found["round"] else None,
        place=next(iter(found["room"]), None),
        prepared={one.side: one for one in prepared},
        record=Record.model_validate(record[0]) if record else None,
        signatures=_signatures(found["signature"]),
        agreed=_agreed(found),
        theirs=_theirs(found),
        absence=absence[0]["subjects"] if absence else None,
        absence_until=absence[0]["until"] if absence else None,
        absence_before=next((one.get("subjects") for one in found["absence_before"]), None),
    )


@dataclass(frozen=True)
class ThreadFacts:
    """What was agreed about a pupil in all talks, and those talks. Not yet for anybody's eyes."""

    pupil_id: UUID
    agreed: tuple[Agreed, ...]
    theirs: tuple[OtherTalk, ...]


async def a_thread(
    session: AsyncSession, pupil_id: UUID | None = None, commitment_id: UUID | None = None
) -> ThreadFacts | None:
    """The thread of a pupil, or of the pupil of a commitment, in one statement; None when there is no such thing."""
    found = await _gathered(session, A_THREAD, pupil_id=pupil_id, commitment_id=commitment_id)
    return ThreadFacts(UUID(found["pupil"][0]), _agreed(found), _theirs(found)) if found["pupil"] else None


async def around(
    session: AsyncSession,
    pupil_id: UUID,
    viewer_id: UUID,
    people: Iterable[UUID | None] = (),
    schools: Iterable[UUID] = (),
    subjects: Iterable[UUID | None] = (),
) -> Around:
    """The pupil, who is tied to them, these people, schools and subjects, and the reader's posts, in one statement."""
    values = {name: kind.event_type for name, kind in KINDS.items()}
    ids = {"people": [pupil_id, *people], "schools": schools, "subjects": subjects}
    lists = {name: list({one for one in some if one is not None}) for name, some in ids.items()}
    rows = await session.execute(AROUND, {**values, **lists, "pupil": pupil_id, "viewer": viewer_id})
    found: dict[str, dict[UUID, Any]] = defaultdict(dict)
    for row in rows:
        found[row.event_type][row.id] = row.state

    def all_of(kind: type[Event]) -> dict[UUID, Any]:
        return {key: kind.model_validate(state) for key, state in found[kind.event_type].items()}

    return Around(
        persons=all_of(PersonStated),
        contacts=all_of(ContactStated),
        ties=all_of(GuardianshipsStated).get(pupil_id),
        schools=all_of(SchoolStated),
        subjects=all_of(SubjectStated),
        posts=tuple(all_of(StaffStated).values()),
    )


async def alone(session: AsyncSession, talk_id: UUID) -> None:
    """Wait until nobody else changes this talk, for the rest of the transaction."""
    await session.execute(select(TALK.c.talk_id).where(TALK.c.talk_id == talk_id).with_for_update())


WRITE = text(
    "insert into preparation (talk_id, side, version, answers, author_id, changed_at) "
    "values (:talk_id, :side, :seen + 1, cast(:answers as jsonb), :author_id, :now) "
    "on conflict (talk_id, side) do update set version = excluded.version, answers = excluded.answers, "
    "author_id = excluded.author_id, changed_at = excluded.changed_at "
    "where preparation.version = :seen returning version"
)


async def write_preparation(
    session: AsyncSession,
    talk_id: UUID,
    side: Side,
    answers: Mapping[str, str],
    seen: int,
    author_id: UUID,
    now: datetime,
) -> bool:
    """Keep what one side has written over version `seen`; False when another version is there meanwhile."""
    values = {"talk_id": talk_id, "side": side, "seen": seen, "author_id": author_id, "now": now}
    return await session.scalar(WRITE, {**values, "answers": json.dumps(dict(answers))}) is not None


SHOW = text(
    "update preparation set shared_at = :now where talk_id = :talk_id and side = :side and version = :seen "
    "and shared_at is null returning version"
)


async def show_preparation(session: AsyncSession, talk_id: UUID, side: Side, seen: int, now: datetime) -> bool:
    """Let the others read what this side has written in version `seen`, and what it writes from now on.

    False when that version is not what is there, or has been shown.
    """
    values = {"talk_id": talk_id, "side": side, "seen": seen, "now": now}
    return await session.scalar(SHOW, values) is not None


async def restate(session: AsyncSession, talk: Talk, now: datetime, **values: Any) -> Talk:
    """Change a talk, one version on; answers it as it is then."""
    changed = {"version": talk.version + 1, "changed_at": now, **values}
    await session.execute(update(TALK).where(TALK.c.talk_id == talk.talk_id).values(changed))
    return Talk.model_validate({**talk.model_dump(), **changed})


async def write_record(session: AsyncSession, record: Record) -> None:
    """Keep a new record."""
    session.add(record)
    await session.flush()


async def change_record(session: AsyncSession, talk_id: UUID, seen: int, now: datetime, **values: Any) -> bool:
    """Write version `seen` + 1 of a record; False when another version is there meanwhile."""
    mine = (RECORD.c.talk_id == talk_id) & (RECORD.c.version == seen)
    changed = {"version": seen + 1, "changed_at": now, **values}
    written = await session.execute(update(RECORD).where(mine).values(changed).returning(RECORD.c.version))
    return written.first() is not None


SIGN = text(
    "insert into signature (talk_id, signed_by, record_version, at) values (:talk_id, :signed_by, :version, :now) "
    "on conflict do nothing"
)


async def add_signature(session: AsyncSession, talk_id: UUID, person_id: UUID, version: int, now: datetime) -> None:
    """Keep that somebody has signed this version; once is enough."""
    await session.execute(SIGN, {"talk_id": talk_id, "signed_by": person_id, "version": version, "now": now})


async def _gathered(session: AsyncSession, statement: Any, **values: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await session.execute(statement, values):
        found[row.what].append(row.state)
    return found


def _prepared(state: Mapping[str, Any]) -> Prepared:
    kept = Preparation.model_validate(state)
    return Prepared(Side(kept.side), kept.version, kept.answers, kept.author_id, kept.changed_at, kept.shared_at)


def _signatures(states: Iterable[Mapping[str, Any]]) -> tuple[Signed, ...]:
    given = [
        Signed(UUID(one["signed_by"]), int(one["record_version"]), datetime.fromisoformat(one["at"])) for one in states
    ]
    return tuple(sorted(given, key=lambda one: (one.at, one.person_id)))


def _theirs(found: Mapping[str, list[Any]]) -> tuple[OtherTalk, ...]:
    return tuple(TypeAdapter(OtherTalk).validate_python(one) for one in found["theirs"])


def _agreed(found: Mapping[str, list[Any]]) -> tuple[Agreed, ...]:
    questions: dict[str, list[Question]] = defaultdict(list)
    for one in sorted(found["check_in"], key=lambda state: str(state["asked_at"])):
        questions[one["commitment_id"]].append(_question(one))
    in_order = sorted(found["commitment"], key=lambda one: (one["due"] or "9", one["what"], one["commitment_id"]))
    return tuple(
        AGREED.validate_python({**one, "questions": tuple(questions[one["commitment_id"]])}) for one in in_order
    )


def _question(state: Mapping[str, Any]) -> Question:
    instants = {
        name: INSTANTS.validate_python(state[name]) for name in ("asked_at", "expires_at", "answered_at", "nudged_at")
    }
    return Question(**instants, answer=Answer(state["answer"]) if state["answer"] else None)  # type: ignore[arg-type]
