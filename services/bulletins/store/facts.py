"""What other services have stated that bulletins are drafted from: talks, meetings, absence sums by month."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.trends import Month
from services.bulletins.tables import AbsenceMonth, Activity, HalfYear, KnownMeeting, KnownTalk
from shared.db.bulk import insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.absence import AbsenceSummed
from shared.events.envelope import Erased, Event
from shared.events.roster import GroupStated, SchoolStated, SubjectStated
from shared.events.scheduling import MeetingStated, TalkStated
from shared.roster.standing import members_on

TALK, MEETING, MONTH = table_of(KnownTalk), table_of(KnownMeeting), table_of(AbsenceMonth)
TALK_NAMES = ("talk_id", "version", "school_id", "round_id", "pupil_id", "kind", "state", "starts_at")
MEETING_NAMES = (
    "meeting_id",
    "version",
    "tenant_id",
    "school_id",
    "group_ids",
    "kind",
    "title",
    "place",
    "starts_at",
    "ends_at",
    "cancelled",
)
MONTH_NAMES = ("pupil_id", "month", "version", "school_id", "since", "until", "planned", "missed")
NEWER_TALK = newer_wins(TALK, ("talk_id",), TALK_NAMES)
NEWER_MEETING = newer_wins(MEETING, ("meeting_id",), MEETING_NAMES)
NEWER_MONTH = newer_wins(MONTH, ("pupil_id", "month"), MONTH_NAMES)
TALKED = ("proposed", "booked")  # a talk to come
# Everything a draft is made from: the classes and their school, what they are taught, who is in them and what was
# summed of them, what is to come, the diary since the last bulletin (of any of the classes) was sent.
DRAFT = text(
    """
    with mine as materialized (
        select r.id, r.state from roster r where r.event_type = :group and r.id = any(cast(:groups as uuid[]))
    ), inside as materialized (
        select distinct (m ->> 'person_id')::uuid as pupil_id from mine
        cross join lateral jsonb_array_elements(mine.state -> 'members') m
        where coalesce((m ->> 'starts')::date, '-infinity') <= :today
            and coalesce((m ->> 'ends')::date, 'infinity') > :today
    ), last as (
        select max(b.sent_at) as sent_at from bulletin b join bulletin_group g on g.bulletin_id = b.bulletin_id
        where g.group_id = any(cast(:groups as uuid[])) and b.kind = 'bulletin' and b.state = 'sent'
    )
    select 'group' as what, state as fact from mine
    union all select 'school', r.state from roster r where r.event_type = :school
        and r.id in (select (state ->> 'school_id')::uuid from mine)
    union all select distinct 'subject', r.state from roster_link l join roster r on r.event_type = :subject
        and r.id = l.from_id where l.kind = 'taught' and l.to_id = any(cast(:groups as uuid[]))
    union all select 'month', to_jsonb(a) from inside i join absence_month a on a.pupil_id = i.pupil_id
        where a.month >= :months_from
    union all select 'meeting', to_jsonb(k) from known_meeting k where k.ends_at > :now and not k.cancelled
        and k.school_id in (select (state ->> 'school_id')::uuid from mine)
    union all select 'talk', to_jsonb(t) from inside i join known_talk t on t.pupil_id = i.pupil_id
        where t.starts_at > :now and t.state = any(cast(:talked as text[]))
    union all select 'activity', to_jsonb(a) from activity a
        where a.group_id = any(cast(:groups as uuid[])) and a.on >= :diary_from
    union all select 'half', to_jsonb(h) from half_year h where h.ends >= :today
        and h.school_id in (select (state ->> 'school_id')::uuid from mine)
    union all select 'last', to_jsonb(last.sent_at) from last where last.sent_at is not null
    """
)
MONTHS_BACK = timedelta(days=130)
LONGEST_DIARY = timedelta(days=200)


@dataclass
class Facts:
    """What there is to draft from."""

    groups: list[GroupStated] = field(default_factory=list)
    school: SchoolStated | None = None
    subjects: list[SubjectStated] = field(default_factory=list)
    months: list[Month] = field(default_factory=list)
    meetings: list[KnownMeeting] = field(default_factory=list)
    talks: list[KnownTalk] = field(default_factory=list)
    diary: list[Activity] = field(default_factory=list)
    half_years: list[HalfYear] = field(default_factory=list)
    last_sent: datetime | None = None

    def inside(self, group: GroupStated, today: date) -> set[UUID]:
        """Who is in that class today."""
        return set(members_on(group, today))


async def write_talks(session: AsyncSession, stated: Iterable[TalkStated]) -> None:
    """Keep the newest statement of each talk."""
    newest = {one.talk_id: one for one in sorted(stated, key=lambda one: one.version)}
    rows = [tuple(getattr(one, name) for name in TALK_NAMES) for one in newest.values()]
    await insert_rows(session, TALK, TALK_NAMES, rows, NEWER_TALK)


async def write_meetings(session: AsyncSession, stated: Iterable[MeetingStated]) -> None:
    """Keep the newest statement of each meeting."""
    newest = {one.meeting_id: one for one in sorted(stated, key=lambda one: one.version)}
    await insert_rows(session, MEETING, MEETING_NAMES, [_meeting(one) for one in newest.values()], NEWER_MEETING)


async def write_sums(session: AsyncSession, stated: Iterable[AbsenceSummed]) -> None:
    """Keep the newest sums of each pupil and month; the month is the one they go up to."""
    newest = {(one.pupil_id, _month(one.until)): one for one in sorted(stated, key=lambda one: one.version)}
    rows = [
        (
            pupil_id,
            month,
            one.version,
            one.school_id,
            one.since,
            one.until,
            sum(part.planned for part in one.subjects),
            sum(part.valid + part.invalid for part in one.subjects),
        )
        for (pupil_id, month), one in newest.items()
    ]
    await insert_rows(session, MONTH, MONTH_NAMES, rows, NEWER_MONTH)


async def forget(session: AsyncSession, erased: Sequence[Erased]) -> None:
    """Forget the talks and meetings that are no more."""
    for kind, column in ((TalkStated, TALK.c.talk_id), (MeetingStated, MEETING.c.meeting_id)):
        gone = [UUID(one.erased_key) for one in erased if one.erased_type == kind.event_type]
        if gone:
            await session.execute(delete(column.table).where(column.in_(gone)))


def still_standing(events: Iterable[Event]) -> list[Event]:
    """What is stated and not erased later in the same batch."""
    found: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        if isinstance(event, Erased):
            found.pop((event.erased_type, event.erased_key), None)
        else:
            found.setdefault((event.event_type, event.key()), []).append(event)
    return [event for some in found.values() for event in some]


async def to_draft_from(session: AsyncSession, group_ids: Iterable[UUID], today: date, now: datetime) -> Facts:
    """Everything about these classes that a bulletin is drafted from. One statement."""
    asked = {
        "groups": list(group_ids),
        "today": today,
        "now": now,
        "talked": list(TALKED),
        "months_from": _month(today - MONTHS_BACK),
        "diary_from": today - LONGEST_DIARY,
        "group": GroupStated.event_type,
        "school": SchoolStated.event_type,
        "subject": SubjectStated.event_type,
    }
    found = Facts()
    for what, fact in await session.execute(DRAFT, asked):
        _add(found, what, fact)
    return found


def _add(found: Facts, what: str, fact: Any) -> None:
    match what:
        case "group":
            found.groups.append(GroupStated.model_validate(fact))
        case "school":
            found.school = SchoolStated.model_validate(fact)
        case "subject":
            found.subjects.append(SubjectStated.model_validate(fact))
        case "month":
            one = AbsenceMonth.model_validate(fact)
            found.months.append(Month(one.pupil_id, one.month, one.since, one.until, one.planned, one.missed))
        case "meeting":
            found.meetings.append(KnownMeeting.model_validate(fact))
        case "talk":
            found.talks.append(KnownTalk.model_validate(fact))
        case "activity":
            found.diary.append(Activity.model_validate(fact))
        case "half":
            found.half_years.append(HalfYear.model_validate(fact))
        case "last":
            found.last_sent = datetime.fromisoformat(fact)


def _meeting(one: MeetingStated) -> tuple[Any, ...]:
    groups = json.dumps([str(group) for group in one.group_ids])
    return tuple(groups if name == "group_ids" else getattr(one, name) for name in MEETING_NAMES)


def _month(day: date) -> date:
    return day.replace(day=1)
