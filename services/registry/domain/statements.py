"""What a row states, and what must be known to understand it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from services.registry.domain.kinds import Kind
from shared.events.attendance import LessonPlanned
from shared.events.envelope import Event
from shared.events.roster import Guardianship, GuardianshipsStated, SubjectStated
from shared.ids import derived_id

Key = tuple[Kind, UUID]


class Manner(Enum):
    """How much a statement claims."""

    WHOLE = "this is the whole state"
    EMPTIES_OWN = "the row says nothing of it any more: what this row itself had stated is gone"
    MARKING_ONLY = "a reference to a person carried a marking: it may make the person's own stricter"


@dataclass(frozen=True, slots=True)
class Stated:
    """One thing a row states. `ref` is the id of the source's row that answers for it, by which it is deleted.

    `modified` is the source's own time of the last change (UTC); None: unknown, the latest reading counts.
    The event's version is not set yet.
    """

    kind: Kind
    id: UUID
    ref: UUID
    event: Event
    modified: datetime | None = None
    manner: Manner = Manner.WHOLE

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class Reading:
    """What a row states, and notes for a person about what in it could not be used."""

    stated: tuple[Stated, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ties:
    """A pupil's ties as they stand. `own`: stated by the pupil's own row, which then has the last word."""

    ties: tuple[Guardianship, ...] = ()
    own: bool = False


def through_guardians(pupil_id: UUID) -> UUID:
    """The `ref` of guardianships that were pieced together from the grown-ups' rows."""
    return derived_id("responsibleFor", pupil_id)


@dataclass
class Needs:
    """What must be looked up before some rows can be understood."""

    persons: set[UUID] = field(default_factory=set)
    lessons: set[UUID] = field(default_factory=set)
    subjects: set[UUID] = field(default_factory=set)
    ties_of: set[UUID] = field(default_factory=set)
    ties_to: set[UUID] = field(default_factory=set)


@dataclass
class Known:
    """What was found, and what the rows before in the same batch have added."""

    persons: set[UUID] = field(default_factory=set)
    lessons: dict[UUID, LessonPlanned] = field(default_factory=dict)
    subjects: dict[UUID, SubjectStated] = field(default_factory=dict)
    ties: dict[UUID, Ties] = field(default_factory=dict)
    _pupils: dict[UUID, set[UUID]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for pupil_id, known in list(self.ties.items()):
            self._tie(pupil_id, known)

    def grown_ups_of(self, pupil_id: UUID) -> set[UUID]:
        """Everyone with a tie to this person."""
        return {tie.guardian_id for tie in self.ties.get(pupil_id, Ties()).ties}

    def pupils_of(self, grown_up_id: UUID) -> set[UUID]:
        """The pupils this person is known to have a tie to."""
        once = self._pupils.get(grown_up_id, ())
        return {pupil_id for pupil_id in once if grown_up_id in self.grown_ups_of(pupil_id)}

    def add(self, stated: Iterable[Stated]) -> None:
        """Let the rows that follow know what was just stated."""
        for one in stated:
            if isinstance(one.event, GuardianshipsStated) and one.manner is Manner.WHOLE:
                self._tie(one.id, Ties(one.event.ties, one.ref == one.id))

    def _tie(self, pupil_id: UUID, known: Ties) -> None:
        self.ties[pupil_id] = known
        for tie in known.ties:
            self._pupils.setdefault(tie.guardian_id, set()).add(pupil_id)
