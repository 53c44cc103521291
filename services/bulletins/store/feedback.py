"""What homes have answered. Who answered is read for that person alone: what the school reads has no name in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.feedback import About, Answer
from services.bulletins.domain.readers import Belongs, pupils_of
from services.bulletins.store.archive import GROUP, MEMBER, belongs_in
from services.bulletins.tables import Feedback
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import ContactStated, GroupStated
from shared.roster.standing import Standing

FEEDBACK = table_of(Feedback)
NAMES = ("feedback_id", "school_id", "group_id", "about", "about_id", "person_id", "score", "words", "at")
AGAIN = "on conflict (about_id, person_id) do update set score = excluded.score, words = excluded.words"
ASKED_FOR = "120 days"  # so long after a talk a home is asked how it was
GATHERED_FOR = "400 days"  # so far back the school sees what homes have said

TITLES = "(select jsonb_object_agg(x.language, x.subject) from bulletin_text x where x.bulletin_id = {id})"
ROUNDS = """
    select t.round_id, t.school_id, min(t.kind) as kind, max(t.starts_at) as held_at, jsonb_agg(t.pupil_id) as pupils
    from known_talk t where t.pupil_id = any(cast(:pupils as uuid[])) and t.state in ('held', 'signed')
        and t.starts_at is not null group by t.round_id, t.school_id"""
PAGE = text(
    f"""
    with mine as materialized ({ROUNDS}), seen as materialized (
        select f.about, f.about_id, f.school_id, f.group_id, f.score, f.words from feedback f
        where f.at > cast(:now as timestamptz) - interval '{GATHERED_FOR}'
            and (f.group_id = any(cast(:groups as uuid[])) or f.school_id = any(cast(:charge as uuid[])))
    )
    select 'own' as what, f.about_id as id, jsonb_build_object('feedback', f.feedback_id, 'about', f.about,
        'score', f.score, 'words', f.words, 'at', f.at, 'titles', {TITLES.format(id="f.about_id")},
        'kind', (select min(t.kind) from known_talk t where t.round_id = f.about_id)) as fact
    from feedback f where f.person_id = :me
    union all
    select 'round', m.round_id, to_jsonb(m) from mine m
    where m.held_at > cast(:now as timestamptz) - interval '{ASKED_FOR}'
    union all
    select 'answer', s.about_id, to_jsonb(s) from seen s
    union all
    select 'thing', a.about_id, jsonb_build_object('titles', {TITLES.format(id="a.about_id")},
        'at', coalesce((select b.sent_at from bulletin b where b.bulletin_id = a.about_id),
            (select max(t.starts_at) from known_talk t where t.round_id = a.about_id)),
        'kind', (select min(t.kind) from known_talk t where t.round_id = a.about_id))
    from (select distinct about_id from seen) a
    union all
    select 'group', r.id, jsonb_build_object('name', r.state -> 'name') from roster r
    where r.event_type = :group and r.id in (select group_id from seen)
    union all
    select 'name', r.id, r.state from roster r
    where r.event_type = :contact and r.id = any(cast(:pupils as uuid[]))
    """
)
ROUND = text(
    f"""
    with {MEMBER}, mine as materialized ({ROUNDS})
    select 'round' as what, m.round_id as id, to_jsonb(m) as fact from mine m where m.round_id = :round
    union all
    select 'own', f.about_id, jsonb_build_object('feedback', f.feedback_id, 'about', f.about, 'score', f.score,
        'words', f.words, 'at', f.at, 'titles', null, 'kind', null)
    from feedback f where f.person_id = :me and f.about_id = :round
    union all
    select 'group', r.id, {GROUP} from roster r where r.event_type = :group and r.id in (select group_id from member)
    union all
    select 'name', r.id, r.state from roster r
    where r.event_type = :contact and r.id = any(cast(:pupils as uuid[]))
    """
)


@dataclass(frozen=True)
class Given:
    """What the reader has answered. `titles` of a bulletin by language, `kind` of a round of talks."""

    feedback_id: UUID
    about: About
    about_id: UUID
    score: int | None
    words: str
    at: datetime
    titles: Mapping[str, str]
    kind: str | None


@dataclass(frozen=True)
class RoundHeld:
    """A round in which talks about the reader's pupils have taken place."""

    round_id: UUID
    school_id: UUID
    kind: str
    held_at: datetime
    pupils: tuple[UUID, ...]


@dataclass(frozen=True)
class Thing:
    """What answers are about."""

    about_id: UUID
    titles: Mapping[str, str]
    at: datetime | None
    kind: str | None


@dataclass(frozen=True)
class Page:
    """Everything a page about answers shows. `answers` have no name."""

    own: tuple[Given, ...]
    rounds: tuple[RoundHeld, ...]
    answers: tuple[Answer, ...]
    things: Mapping[UUID, Thing]
    groups: Mapping[UUID, str]
    names: Mapping[UUID, str]
    belongs: tuple[Belongs, ...] = ()


async def page(db: AsyncSession, standing: Standing, now: datetime) -> Page:
    """The reader's own answers, the rounds they can say something about, and what staff see of others'. One statement.

    A mentor's are those of their classes, a principal's those of the school.
    """
    charge = [one for one in standing.principal_of if one in standing.schools]
    asked = {**_asked(standing), "groups": list(standing.mentor_groups), "charge": charge, "now": now}
    return _page(await db.execute(PAGE, asked))


async def of_round(db: AsyncSession, standing: Standing, round_id: UUID) -> Page:
    """One round of talks, with what the reader has answered about it. One statement."""
    return _page(await db.execute(ROUND, {**_asked(standing), "round": round_id}))


async def give(db: AsyncSession, row: Feedback) -> None:
    """Keep an answer, or what it is changed to; when it was first given stays."""
    await insert_rows(db, FEEDBACK, NAMES, [tuple(getattr(row, name) for name in NAMES)], AGAIN)


async def take_back(db: AsyncSession, feedback_id: UUID, person_id: UUID) -> bool:
    """Forget somebody's own answer; False when they have none such."""
    mine = (FEEDBACK.c.feedback_id == feedback_id) & (FEEDBACK.c.person_id == person_id)
    gone = await db.execute(delete(FEEDBACK).where(mine).returning(FEEDBACK.c.feedback_id))
    return gone.first() is not None


def group_on(belongs: Iterable[Belongs], pupils: Iterable[UUID], day: date) -> UUID | None:
    """The class as whose answer it counts: one that a pupil concerned is in on that day, always the same."""
    mine = set(pupils)
    return min((one.group_id for one in belongs if one.pupil_id in mine and one.holds(day)), key=str, default=None)


def _asked(standing: Standing) -> dict[str, Any]:
    kinds = {"group": GroupStated.event_type, "contact": ContactStated.event_type}
    return {"me": standing.person.person_id, "pupils": list(pupils_of(standing)), **kinds}


def _page(rows: Iterable[Any]) -> Page:
    by: dict[str, list[tuple[UUID, Any]]] = {}
    for what, one, fact in rows:
        by.setdefault(what, []).append((one, fact))
    contacts = [ContactStated.model_validate(fact) for _, fact in by.get("name", ())]
    groups = by.get("group", ())
    own = [_given(one, fact) for one, fact in by.get("own", ())]
    rounds = [_round(one, fact) for one, fact in by.get("round", ())]
    return Page(
        own=tuple(sorted(own, key=lambda one: one.at, reverse=True)),
        rounds=tuple(sorted(rounds, key=lambda one: one.held_at, reverse=True)),
        answers=tuple(_answer(one, fact) for one, fact in by.get("answer", ())),
        things={one: _thing(one, fact) for one, fact in by.get("thing", ())},
        groups={one: fact["name"] for one, fact in groups},
        names={one.person_id: one.full_name for one in contacts},
        belongs=belongs_in([(one, fact) for one, fact in groups if "spans" in fact]),
    )


def _given(about_id: UUID, fact: Any) -> Given:
    at, titles = datetime.fromisoformat(fact["at"]), fact["titles"] or {}
    about = About(fact["about"])
    return Given(UUID(fact["feedback"]), about, about_id, fact["score"], fact["words"], at, titles, fact["kind"])


def _round(round_id: UUID, fact: Any) -> RoundHeld:
    pupils = tuple(dict.fromkeys(UUID(one) for one in fact["pupils"]))
    held_at = datetime.fromisoformat(fact["held_at"])
    return RoundHeld(round_id, UUID(fact["school_id"]), fact["kind"], held_at, pupils)


def _answer(about_id: UUID, fact: Any) -> Answer:
    group = UUID(fact["group_id"]) if fact["group_id"] else None
    return Answer(About(fact["about"]), about_id, group, fact["score"], fact["words"])


def _thing(about_id: UUID, fact: Any) -> Thing:
    at = datetime.fromisoformat(fact["at"]) if fact["at"] else None
    return Thing(about_id, fact["titles"] or {}, at, fact["kind"])
