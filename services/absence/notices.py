"""From changed facts to notices: load the day of each pupil that changed, ask the rules, write what follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.absence import domain, outgoing, store
from services.absence.domain import GRACE_OVER, Missed, Notice, NoticeStatus, Owed, Rules, Step
from services.absence.store import Span
from services.absence.tables import kit as tables
from shared.clock import local_date
from shared.due.plan import plan
from shared.events.envelope import Outgoing
from shared.events.roster import PersonStated

SETTLED = {
    Step.WITHDRAW: (NoticeStatus.WITHDRAWN, None),
    Step.EXPLAIN: (NoticeStatus.EXPLAINED, outgoing.explained),
    Step.RETRACT: (NoticeStatus.RETRACTED, outgoing.retracted),
}
PupilDay = tuple[UUID, date]


@dataclass(frozen=True)
class Change:
    """Something changed for a pupil in this stretch of time. `school_id` is None when the home reported it."""

    pupil_id: UUID
    starts_at: datetime
    ends_at: datetime
    school_id: UUID | None
    traceparent: str | None


@dataclass
class Outcome:
    """What a batch of changes leads to."""

    notices: list[Notice] = field(default_factory=list)
    say: list[Outgoing] = field(default_factory=list)
    due: list[tuple[UUID, datetime, str | None]] = field(default_factory=list)


async def follow_up(session: AsyncSession, changes: Sequence[Change], rules: Rules, now: datetime) -> list[Outgoing]:
    """Bring the notices in step with the facts and return what is to be said."""
    if not changes:
        return []
    zones = await store.zones(session, [change.school_id for change in changes if change.school_id], rules.zone)
    touched = _touched(changes, zones, rules, local_date(now, rules.zone))
    days = await _missed_by_day(session, touched, rules)
    last = await store.latest_notices(session, touched.keys())
    outcome = Outcome()
    for place, traceparent in sorted(touched.items()):
        lessons = days.get(place, [])
        _step(outcome, last.get(place), lessons, place[1], _Now(now, rules, traceparent))
    await store.write_notices(session, outcome.notices)
    await plan(session, tables, GRACE_OVER, [due for due in outcome.due if due[1] > now])
    at_once = [notice_id for notice_id, due_at, _ in outcome.due if due_at <= now]
    return [*outcome.say, *await grace_over(session, at_once, rules, now)]


async def grace_over(session: AsyncSession, ids: Sequence[UUID], rules: Rules, now: datetime) -> list[Outgoing]:
    """The grace period of these notices is over: those still waiting become owed, if they are owed at all."""
    notices = await store.waiting_notices(session, ids) if ids else []
    pupils = await store.pupils(session, [notice.pupil_id for notice in notices])
    outcome = Outcome()
    for notice in notices:
        match _owed(notice, pupils.get(notice.pupil_id), rules, now):
            case Owed.YES:
                outcome.notices.append(domain.moved(notice, NoticeStatus.OWED))
                outcome.say += outgoing.owed(notice, now)
            case Owed.NO:
                outcome.notices.append(domain.moved(notice, NoticeStatus.NOT_OWED))
            case Owed.UNKNOWN:
                outcome.due.append((notice.notice_id, now + domain.UNKNOWN_PUPIL_WAIT, notice.traceparent))
    await store.write_notices(session, outcome.notices)
    await plan(session, tables, GRACE_OVER, outcome.due)
    return outcome.say


def _owed(notice: Notice, pupil: PersonStated | None, rules: Rules, now: datetime) -> Owed:
    return domain.is_owed(pupil, now - notice.noticed_at - rules.grace, local_date(now, rules.zone))


@dataclass(frozen=True)
class _Now:
    """The circumstances in which a step is taken."""

    at: datetime
    rules: Rules
    traceparent: str | None


def _step(outcome: Outcome, notice: Notice | None, lessons: Sequence[Missed], day: date, now: _Now) -> None:
    step = domain.next_step(notice, lessons)
    unexcused = [lesson for lesson in lessons if not lesson.excused]
    if step is Step.OPEN:
        _open(outcome, notice, unexcused, day, now)
    elif step is Step.COLLECT and notice is not None and notice.lessons != len(unexcused):
        outcome.notices.append(replace(notice, lessons=len(unexcused), version=notice.version + 1))
    elif step in SETTLED and notice is not None:
        status, say = SETTLED[step]
        settled = domain.moved(notice, status)
        outcome.notices.append(settled)
        outcome.say += say(settled, now.at) if say else []


def _open(outcome: Outcome, last: Notice | None, unexcused: Sequence[Missed], day: date, now: _Now) -> None:
    if domain.too_old(day, local_date(now.at, now.rules.zone), now.rules):
        return
    notice = replace(domain.opened(last, unexcused, day, now.at, now.rules.zone), traceparent=now.traceparent)
    outcome.notices.append(notice)
    outcome.say.append(outgoing.noticed(notice))
    outcome.due.append((notice.notice_id, domain.grace_ends(unexcused, now.at, now.rules), now.traceparent))


def _touched(
    changes: Sequence[Change], zones: Mapping[UUID, str], rules: Rules, today: date
) -> dict[PupilDay, str | None]:
    """The pupils' days that the changes touch, each with the trace of the first change to it.

    A home report may span weeks; only days from which a notice can still follow are looked at.
    """
    touched: dict[PupilDay, str | None] = {}
    for change in changes:
        zone = zones[change.school_id] if change.school_id else rules.zone
        first = local_date(change.starts_at, zone)
        last = first
        if change.school_id is None:
            first = max(first, today - timedelta(days=rules.late_days))
            last = min(local_date(change.ends_at, zone), today)
        for step in range((last - first).days + 1):
            touched.setdefault((change.pupil_id, first + timedelta(days=step)), change.traceparent)
    return touched


async def _missed_by_day(
    session: AsyncSession, touched: Mapping[PupilDay, str | None], rules: Rules
) -> dict[PupilDay, list[Missed]]:
    """Every lesson missed on these days, the excused ones marked. Days are asked for wide and sorted by zone."""
    missed = await store.missed_in(session, [_wide(*place) for place in touched])
    missed = domain.excuse(missed, await store.reports_of(session, missed))
    zones = await store.zones(session, [lesson.school_id for lesson in missed], rules.zone)
    days: dict[PupilDay, list[Missed]] = defaultdict(list)
    for lesson in missed:
        days[lesson.pupil_id, local_date(lesson.starts_at, zones[lesson.school_id])].append(lesson)
    return days


def _wide(pupil_id: UUID, day: date) -> Span:
    """A stretch of UTC that holds the whole of that day in every zone on earth."""
    midnight = datetime.combine(day, time(), UTC)
    return Span(pupil_id, midnight - timedelta(hours=14), midnight + timedelta(hours=36))
