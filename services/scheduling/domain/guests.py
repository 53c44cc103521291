"""A meeting as it stands, and who may do what about it: homes, staff, and those who run it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.scheduling.domain.gatherings import MeetingKind, MeetingState
from shared.clock import is_of_age, local_date
from shared.events.roster import Membership, PersonStated
from shared.roster.access import Why, in_force
from shared.roster.standing import Standing


class Fact(BaseModel):
    """Something the database holds; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Gathered(Fact):
    """When and where one class gathers, and who receives it. No place: the class's own room."""

    group_id: UUID
    starts_at: datetime
    ends_at: datetime
    place: str = ""
    host_id: UUID | None = None


class Meet(Fact):
    """A meeting. `taken` seats are everybody's, `mine` those of the reader; `seats` None: as many as come."""

    meeting_id: UUID
    tenant_id: UUID
    school_id: UUID
    author_id: UUID
    kind: MeetingKind
    title: str
    programme: str = ""
    place: str
    starts_at: datetime
    ends_at: datetime
    seats: int | None = None
    register_by: datetime | None = None
    state: MeetingState
    sequence: int = 0
    minutes: str | None = None
    minutes_at: datetime | None = None
    classes: tuple[UUID, ...] = ()
    gatherings: tuple[Gathered, ...] = ()
    taken: int = 0
    mine: int | None = None

    @property
    def left(self) -> int | None:
        """Seats that are left; None: as many as come."""
        return None if self.seats is None else max(0, self.seats - self.taken)

    @property
    def closes_at(self) -> datetime:
        """From when on nobody can register or withdraw."""
        return min(self.register_by or self.starts_at, self.starts_at)

    @property
    def is_public(self) -> bool:
        """True when families see it."""
        return self.state is not MeetingState.DRAFT

    def is_open(self, now: datetime) -> bool:
        """True while homes can register."""
        return self.state is MeetingState.INVITED and now < self.closes_at

    def is_over(self, now: datetime) -> bool:
        """True when it has ended, or was cancelled."""
        return now >= self.ends_at or self.state is MeetingState.CANCELLED

    def last_day(self, zone: str) -> date | None:
        """The last day on which homes can register, there."""
        return local_date(self.register_by - timedelta(seconds=1), zone) if self.register_by else None


class InClass(Fact):
    """A pupil in a class, at these times."""

    pupil_id: UUID
    group_id: UUID
    spans: tuple[Membership, ...] = ()

    def holds(self, *days: date) -> bool:
        """True when the pupil is in the class on one of these days."""
        return any(in_force(span.starts, span.ends, day) for span in self.spans for day in days)


def pupils_seen(standing: Standing, on: date) -> list[UUID]:
    """For whose classes' meetings the reader is a guest: their children, and themselves from 18 on."""
    me = standing.person
    mine = [me.person_id] if standing.is_pupil and _of_age(me, on) else []
    return [*dict.fromkeys([*mine, *standing.children])]


def pupils_answered(standing: Standing, on: date) -> list[UUID]:
    """For whom the reader may register: who answers for them, or the pupil of age. A consent lets see, not act."""
    return [
        one
        for one in pupils_seen(standing, on)
        if one == standing.person.person_id or standing.children[one].why is Why.ANSWERS_FOR
    ]


def invited(meeting: Meet, inside: Iterable[InClass], zone: str, today: date) -> dict[UUID, list[UUID]]:
    """The pupils of the meeting's classes, now or on its day, each with those classes of theirs."""
    day = local_date(meeting.starts_at, zone)
    found: dict[UUID, list[UUID]] = {}
    for one in inside:
        if one.group_id in meeting.classes and one.holds(today, day):
            found.setdefault(one.pupil_id, []).append(one.group_id)
    return found


def works_at(standing: Standing, school_id: UUID) -> bool:
    """True for the school's principal and for mentors of its classes."""
    return school_id in standing.principal_of or any(
        group.school_id == school_id for group in standing.mentor_groups.values()
    )


def runs(standing: Standing, school_id: UUID, classes: Iterable[UUID]) -> bool:
    """May they change it, cancel it and write its minutes? The principal, and the mentor of all its classes."""
    if school_id in standing.principal_of:
        return True
    mine = {one for one, group in standing.mentor_groups.items() if group.school_id == school_id}
    wanted = set(classes)
    return bool(wanted) and wanted <= mine


def workplaces(standing: Standing) -> list[UUID]:
    """The schools at which they are principal or mentor."""
    return [one for one in standing.schools if works_at(standing, one)]


def overlapping(meetings: Iterable[Meet]) -> Mapping[UUID, list[UUID]]:
    """Which of these meetings are at the same time as which others."""
    those = [one for one in meetings if one.state is MeetingState.INVITED]
    return {
        one.meeting_id: [
            other.meeting_id
            for other in those
            if other is not one and other.starts_at < one.ends_at and one.starts_at < other.ends_at
        ]
        for one in those
    }


def _of_age(person: PersonStated, on: date) -> bool:
    return person.born is not None and is_of_age(person.born, on)
