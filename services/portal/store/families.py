"""What a home sees of its children, in one statement: a page may ask the database only a few times.

Every part finds its rows by an index, and by ids and dates alone: behind row-level security a condition on JSON would
be worked out for every row of the table (docs/decisions/0011).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.family import WANTS_NO_MAIL, Facts, Hours, Membership, Message, Pupil, Signature, Told
from services.portal.domain.talks import Counted, Talk
from services.portal.store.bulletins import LETTERS, letter
from services.portal.store.talks import MINE as MY_TALK
from services.portal.store.talks import SIGNED as I_SIGNED
from shared.events.duties import DutyStatus
from shared.events.notify import MailingKind, NotificationKind
from shared.events.roster import PersonStated
from shared.events.scheduling import CommitmentStatus, Owner

WAITS_FOR = timedelta(days=14)  # older notices are in the messages, not on the first page
NEWEST = 5
PAGE = 20

PUPILS = "select * from unnest(cast(:ids as uuid[]), cast(:days as date[])) as pupil(id, today)"
# One notice with its moments. The notification is the one that told: a retraction is evidence of something else.
TOLD = """
    jsonb_build_object('duty', d.duty_id, 'school', d.school_id, 'day', d.day, 'status', d.status,
        'noticed', a.noticed_at,
        'moments', (select jsonb_object_agg(m.status, m.at) from duty_moment m where m.duty_id = d.duty_id),
        'read', (select jsonb_agg(k.person_id) from acknowledgement k where k.duty_id = d.duty_id),
        'notification', n.id, 'me', (select min(x.at) from delivery x
            where x.notification_id = n.id and x.person_id = :me and x.status = 'delivered'))
"""
TOLD_FROM = """
    left join absence a on a.notice_id = d.duty_id
    left join lateral (select m.evidence_id as id from duty_moment m
        where m.duty_id = d.duty_id and m.status in ('sent', 'delivered', 'unreachable') limit 1) n on true
"""
# Messages that whoever had one goes on seeing: about rights, talks, meetings, conversations, and what classes and the
# school have sent. The pupil and the path are left out once the reader may not see that pupil any more; what stays is
# a day and a kind.
ABOUT_NOBODY = ("talk", "talks", "commitment", "meeting", "offer", "dialogue", "bulletin")
NAMELESS = [
    *(kind.value for kind in MailingKind),
    *(
        kind.value
        for kind in NotificationKind
        if kind is NotificationKind.RIGHTS_ASKED or kind.value.partition("_")[0] in ABOUT_NOBODY
    ),
]
MESSAGE = """jsonb_build_object('notification', x.notification_id, 'kind', x.kind, 'status', x.status, 'why', x.why,
        'at', x.at, 'path', case when seen.id is not null or x.pupil_id is null then x.path end)"""
# A message about an absence is only for who may see that pupil now.
MESSAGES = f"""
    select 'message' as kind, seen.id, {MESSAGE} as data, x.at
    from delivery x left join lateral (select d.pupil_id from duty_moment m join duty d on d.duty_id = m.duty_id
        where m.evidence_id = x.notification_id limit 1) p on true
    left join unnest(cast(:ids as uuid[])) as seen(id) on seen.id = coalesce(p.pupil_id, x.pupil_id)
    where x.person_id = :me and (seen.id = p.pupil_id or x.kind = any(cast(:nameless as text[])))
        and (x.status <> 'cancelled' or x.why = :unwanted)
    order by x.at desc, x.delivery_id limit :limit offset :offset
"""
NAMES = """
    select 'name' as kind, r.id, jsonb_build_array(r.state -> 'given_name', r.state -> 'family_name') as data
    from roster r where r.event_type = 'roster.contact_stated.v1' and r.id = any(cast(:ids as uuid[]))
"""
HOME = text(
    f"""
    with pupil as materialized ({PUPILS}),
    member as materialized (
        select pupil.id, pupil.today, l.from_id as group_id
        from pupil join roster_link l on l.to_id = pupil.id and l.kind = 'member'
    ),
    taught as materialized (
        select m.id, m.today, m.group_id, l.from_id as subject_id
        from member m join roster_link l on l.to_id = m.group_id and l.kind = 'taught'
    )
    {NAMES}
    union all
    select 'group', m.id, jsonb_build_object('id', m.group_id, 'name', r.state -> 'name', 'kind', r.state -> 'kind',
        'spans', (select jsonb_agg(one) from jsonb_array_elements(r.state -> 'members') one
            where one ->> 'person_id' = cast(m.id as text)))
    from member m join roster r on r.event_type = 'roster.group_stated.v1' and r.id = m.group_id
    union all
    select 'lessons', t.id, jsonb_build_array(t.group_id, l.day, l.starts_at, l.ends_at)
    from taught t cross join lateral (
        (select day, min(starts_at) as starts_at, max(ends_at) as ends_at from lesson
            where subject_id = t.subject_id and day = t.today and not cancelled group by day)
        union all
        (select day, min(starts_at), max(ends_at) from lesson
            where subject_id = t.subject_id and day > t.today and not cancelled group by day order by day limit 1)
    ) l
    union all
    select 'told', pupil.id, {TOLD}
    from pupil join duty d on d.pupil_id = pupil.id and d.day between pupil.today - {WAITS_FOR.days} and pupil.today
        and d.kind = 'same_day_notice'
    {TOLD_FROM}
    union all
    select 'told', pupil.id, jsonb_build_object('duty', a.notice_id, 'school', a.school_id, 'day', a.day,
        'noticed', a.noticed_at)
    from pupil join absence a on a.pupil_id = pupil.id and a.day = pupil.today
    where not exists (select from duty d where d.duty_id = a.notice_id)
    union all
    select 'signed', s.pupil_id, jsonb_build_array(s.person_id, s.signed_by)
    from pupil join approval s on s.pupil_id = pupil.id
    union all
    select 'asked', q.person_id, to_jsonb(q.kind) from question q where q.person_id = :me and q.answered_at is null
    union all
    select 'talk', t.pupil_id, to_jsonb(t) || jsonb_build_object('signed', {I_SIGNED})
    from pupil join talk t on t.pupil_id = pupil.id
    where t.state in ('wanted', 'proposed', 'booked', 'held') and (pupil.id = :me or {MY_TALK})
    union all
    select 'agreed', c.pupil_id, jsonb_build_object('owner', c.owner, 'status', c.status, 'number', count(*),
        'late', count(*) filter (where c.due < pupil.today), 'due', min(c.due) filter (where c.due >= pupil.today))
    from pupil join commitment c on c.pupil_id = pupil.id
    where c.status in ('ongoing', 'done', 'fulfilled') and (pupil.id = :me or exists (
        select from talk_guest g where g.talk_id = c.talk_id and g.person_id = :me))
    group by c.pupil_id, c.owner, c.status
    union all
    {LETTERS}
    union all
    (select kind, id, data from ({MESSAGES}) m)
    """
)
ONE = text(
    f"""
    with x as materialized (select * from delivery where notification_id = :id and person_id = :me limit 1),
    seen as materialized (
        select coalesce((select d.pupil_id from duty_moment m join duty d on d.duty_id = m.duty_id
            where m.evidence_id = :id limit 1), (select pupil_id from x)) as id
    )
    select 'told' as kind, d.pupil_id as id, {TOLD} as data
    from duty d {TOLD_FROM}
    where d.duty_id = (select duty_id from duty_moment where evidence_id = :id limit 1) and d.kind = 'same_day_notice'
    union all
    select 'name', r.id, jsonb_build_array(r.state -> 'given_name', r.state -> 'family_name')
    from roster r where r.event_type = 'roster.contact_stated.v1' and r.id = (select id from seen)
    union all
    select 'person', r.id, r.state from roster r
    where r.event_type = 'roster.person_stated.v1' and r.id = (select id from seen)
    union all
    select 'message', x.pupil_id, {MESSAGE} from x cross join seen
    """
)
MINE = text(f"{NAMES} union all (select kind, id, data from ({MESSAGES}) m)")
LESSONS = text(
    f"""
    with pupil as materialized ({PUPILS}),
    member as materialized (
        select pupil.id, pupil.today, l.from_id as group_id
        from pupil join roster_link l on l.to_id = pupil.id and l.kind = 'member'
    )
    {NAMES}
    union all
    select 'group', m.id, jsonb_build_object('id', m.group_id, 'name', r.state -> 'name', 'kind', r.state -> 'kind',
        'spans', (select jsonb_agg(one) from jsonb_array_elements(r.state -> 'members') one
            where one ->> 'person_id' = cast(m.id as text)))
    from member m join roster r on r.event_type = 'roster.group_stated.v1' and r.id = m.group_id
    union all
    select 'lessons', m.id, jsonb_build_array(m.group_id, l.day, min(l.starts_at), max(l.ends_at))
    from member m join roster_link t on t.to_id = m.group_id and t.kind = 'taught'
        join lesson l on l.subject_id = t.from_id and l.day between m.today - cast(:back as int)
            and m.today + cast(:ahead as int) and not l.cancelled
    group by m.id, m.group_id, l.day
    union all
    select 'talk', t.pupil_id, to_jsonb(t) from pupil join talk t on t.pupil_id = pupil.id
    where (pupil.id = :me or {MY_TALK}) and t.was_from is not null
        and (t.was_from at time zone 'UTC')::date
            between pupil.today - cast(:back as int) and pupil.today + cast(:ahead as int)
    """
)


async def home_facts(db: AsyncSession, pupils: Sequence[Pupil], reader: UUID) -> Facts:
    """Everything the first page needs about these pupils and this reader, in one statement."""
    asked = {**_who(pupils, reader), "limit": NEWEST, "offset": 0}
    return _facts(await db.execute(HOME, asked))


async def notice_facts(db: AsyncSession, notification_id: UUID, reader: UUID) -> Facts:
    """What a notification was about, whoever it was about, and its message to this reader if there was one.

    Whether the reader may see it is the caller's question, to be asked before anything of it is shown.
    """
    return _facts(await db.execute(ONE, {"id": notification_id, "me": reader}))


async def message_facts(db: AsyncSession, pupils: Sequence[Pupil], reader: UUID, page: int) -> tuple[Facts, bool]:
    """A page (from 0) of the messages to this reader, newest first, and whether there are older ones."""
    asked = {**_who(pupils, reader), "limit": PAGE + 1, "offset": page * PAGE}
    facts = _facts(await db.execute(MINE, asked))
    more = len(facts.messages) > PAGE
    return Facts(names=facts.names, messages=facts.messages[:PAGE]), more


async def calendar_facts(db: AsyncSession, pupils: Sequence[Pupil], reader: UUID, back: int, ahead: int) -> Facts:
    """The pupils' names, groups, school days and this reader's talks about them, from `back` days before each one's
    today to `ahead` days after. A talk that has lost its time is there for as long as it would have been.
    """
    asked = {"ids": [one.pupil_id for one in pupils], "days": [one.today for one in pupils], "me": reader}
    return _facts(await db.execute(LESSONS, {**asked, "back": back, "ahead": ahead}))


def _who(pupils: Sequence[Pupil], reader: UUID) -> dict[str, Any]:
    ids, days = [one.pupil_id for one in pupils], [one.today for one in pupils]
    return {"ids": ids, "days": days, "me": reader, "unwanted": WANTS_NO_MAIL, "nameless": NAMELESS}


def _facts(rows: Iterable[Any]) -> Facts:
    """The rows of any statement here, by what they are about."""
    by_kind: dict[str, list[tuple[UUID, Any]]] = defaultdict(list)
    for kind, pupil_id, data in rows:
        by_kind[kind].append((pupil_id, data))
    groups: dict[UUID, list[Membership]] = defaultdict(list)
    lessons: dict[UUID, list[tuple[UUID, Hours]]] = defaultdict(list)
    for pupil_id, data in by_kind["group"]:
        groups[pupil_id] += _memberships(data)
    for pupil_id, (group_id, day, starts, ends) in by_kind["lessons"]:
        lessons[pupil_id].append((UUID(group_id), Hours(_day(day), _instant(starts), _instant(ends))))
    return Facts(
        names={one: f"{given} {family}" for one, (given, family) in by_kind["name"]},
        groups={one: tuple(found) for one, found in groups.items()},
        lessons={one: tuple(found) for one, found in lessons.items()},
        told=tuple(_told(one, data) for one, data in by_kind["told"]),
        messages=tuple(_message(one, data) for one, data in by_kind["message"]),
        signatures=tuple(Signature(one, UUID(person), UUID(by)) for one, (person, by) in by_kind["signed"]),
        questions=tuple(data for _, data in by_kind["asked"]),
        pupil=next((PersonStated.model_validate(state) for _, state in by_kind["person"]), None),
        talks=tuple(Talk.model_validate(data) for _, data in by_kind["talk"]),
        agreed=_agreed(by_kind["agreed"]),
        letters=tuple(letter(data) for _, data in by_kind["letter"]),
    )


def _agreed(rows: Iterable[tuple[UUID, Any]]) -> dict[UUID, tuple[Counted, ...]]:
    found: dict[UUID, list[Counted]] = defaultdict(list)
    for pupil_id, data in rows:
        owner, status = Owner(data["owner"]), CommitmentStatus(data["status"])
        counted = Counted(owner, status, data["number"], data["late"], _day_or_none(data["due"]))
        found[pupil_id].append(counted)
    return {pupil_id: tuple(lines) for pupil_id, lines in found.items()}


def _memberships(data: Any) -> list[Membership]:
    return [
        Membership(
            UUID(data["id"]),
            data["name"],
            data["kind"],
            _day_or_none(span.get("starts")),
            _day_or_none(span.get("ends")),
        )
        for span in data["spans"] or ()
    ]


def _told(pupil_id: UUID, data: Any) -> Told:
    return Told(
        duty_id=UUID(data["duty"]),
        pupil_id=pupil_id,
        school_id=UUID(data["school"]),
        day=_day(data["day"]),
        status=DutyStatus(data["status"]) if data.get("status") else None,
        noticed_at=_instant_or_none(data.get("noticed")),
        notification_id=UUID(data["notification"]) if data.get("notification") else None,
        moments={status: _instant(at) for status, at in (data.get("moments") or {}).items()},
        told_me_at=_instant_or_none(data.get("me")),
        read_by=frozenset(UUID(one) for one in data.get("read") or ()),
    )


def _message(pupil_id: UUID | None, data: Any) -> Message:
    at = _instant(data["at"])
    return Message(
        UUID(data["notification"]), data["kind"], data["status"], at, data["why"], pupil_id, path=data["path"]
    )


def _day(said: str) -> date:
    return date.fromisoformat(said)


def _day_or_none(said: str | None) -> date | None:
    return _day(said) if said else None


def _instant(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _instant_or_none(said: str | None) -> datetime | None:
    return _instant(said) if said else None
