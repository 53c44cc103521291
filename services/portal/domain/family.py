"""What is known about a home's children, as the pages need it: plain facts, and whose they are.

Nothing here decides who may see what; that was asked of `shared.roster.standing` before the facts were fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.portal.domain.letters import Bulletin
from services.portal.domain.talks import Counted, Talk
from shared.clock import DEFAULT_ZONE, is_of_age, local_date
from shared.events.duties import DutyStatus
from shared.events.roster import PersonStated
from shared.roster.access import Why, in_force, is_protected
from shared.roster.standing import Standing

WANTS_NO_MAIL = "wants no e-mail for what is not urgent"  # the verdict of a message that is shown here only


@dataclass(frozen=True)
class Pupil:
    """A pupil whom the reader may see, as the page needs them; `today` is the date at their school.

    `schools` are the names that may be shown: none when somebody's identity is protected.
    """

    pupil_id: UUID
    today: date
    zone: str
    oneself: bool = False
    answers: bool = False
    protected: bool = False
    born: date | None = None
    schools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hours:
    """When a school day begins and ends: the first lesson's start and the last one's end."""

    day: date
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Membership:
    """A pupil in a group on `starts <= day < ends`."""

    group_id: UUID
    name: str
    kind: str
    starts: date | None = None
    ends: date | None = None

    def holds(self, day: date) -> bool:
        """True when the pupil is in the group on that day."""
        return in_force(self.starts, self.ends, day)


@dataclass(frozen=True)
class Told:
    """A same-day notice and how far it has come; `told_me_at` is when it reached the reader."""

    duty_id: UUID
    pupil_id: UUID
    school_id: UUID
    day: date
    status: DutyStatus | None  # None: nobody owes anything yet, the school is still looking
    noticed_at: datetime | None = None
    notification_id: UUID | None = None
    moments: Mapping[str, datetime] = field(default_factory=dict)
    told_me_at: datetime | None = None
    read_by: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Message:
    """A message to the reader that is over, and on which verdict it was sent.

    `path` is what it asked to open, as it came: whoever makes a link of it sees to it that it is one of ours.
    """

    notification_id: UUID
    kind: str
    status: str
    at: datetime
    why: str | None = None
    pupil_id: UUID | None = None
    path: str | None = None


@dataclass(frozen=True)
class Signature:
    """Somebody has signed that a person may know about a pupil."""

    pupil_id: UUID
    person_id: UUID
    signed_by: UUID


@dataclass(frozen=True)
class Facts:
    """What the database says about the pupils on the page. `lessons` are of each group, on days it has any."""

    names: Mapping[UUID, str] = field(default_factory=dict)
    groups: Mapping[UUID, tuple[Membership, ...]] = field(default_factory=dict)
    lessons: Mapping[UUID, tuple[tuple[UUID, Hours], ...]] = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    messages: tuple[Message, ...] = ()
    signatures: tuple[Signature, ...] = ()
    questions: tuple[str, ...] = ()
    pupil: PersonStated | None = None
    talks: tuple[Talk, ...] = ()  # those arranged for the reader
    agreed: Mapping[UUID, tuple[Counted, ...]] = field(default_factory=dict)
    letters: tuple[Bulletin, ...] = ()  # from the classes


def pupils_of(standing: Standing, now: datetime) -> list[Pupil]:
    """The reader, if a pupil, and everyone they may see as one who answers for them or by consent."""
    children = [
        _pupil(child.pupil, standing, now, answers=child.why is Why.ANSWERS_FOR, protected=child.protected)
        for child in standing.children.values()
        if child.pupil.person_id != standing.person.person_id
    ]
    if not standing.is_pupil:
        return children
    me = standing.person
    return [_pupil(me, standing, now, oneself=True, protected=is_protected(me)), *children]


def _pupil(
    stated: PersonStated,
    standing: Standing,
    now: datetime,
    *,
    protected: bool,
    oneself: bool = False,
    answers: bool = False,
) -> Pupil:
    schools = [standing.schools[one] for one in stated.school_ids if one in standing.schools]
    zone = schools[0].zone if schools else DEFAULT_ZONE
    return Pupil(
        pupil_id=stated.person_id,
        today=local_date(now, zone),
        zone=zone,
        oneself=oneself,
        answers=answers or (oneself and _of_age(stated, now, zone)),
        protected=protected,
        born=stated.born,
        schools=() if protected else tuple(school.name for school in schools),
    )


def _of_age(stated: PersonStated, now: datetime, zone: str) -> bool:
    return stated.born is not None and is_of_age(stated.born, local_date(now, zone))
