"""Who may read what was sent, and about which of their pupils it is. Asked anew at every look, never stored.

A home reads what was sent to a class in which its child is now, or was on the day it was sent. A pupil reads it like
the home does. At school the mentors of the class read it, the principal, and the officers of the municipality.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from shared.events.roster import PersonStated
from shared.languages import NEAR, primary
from shared.roster.access import in_force
from shared.roster.standing import Standing


@dataclass(frozen=True)
class Belongs:
    """A pupil of the reader's in a group, on `starts <= day < ends`."""

    pupil_id: UUID
    group_id: UUID
    starts: date | None = None
    ends: date | None = None

    def holds(self, day: date) -> bool:
        """True when the pupil is in the group on that day."""
        return in_force(self.starts, self.ends, day)


@dataclass(frozen=True)
class Sent:
    """What the rules need of something that was sent. `day` is its date at the school; no groups: the whole school."""

    bulletin_id: UUID
    school_id: UUID
    group_ids: frozenset[UUID]
    sent_at: datetime
    day: date


class Mark(StrEnum):
    """How something that was sent stands with a home."""

    READ = "read"
    UNREAD = "unread"
    EARLIER = "earlier"  # sent before the child came to the class: there to be read, and nobody waits for it


def pupils_of(standing: Standing) -> dict[UUID, PersonStated]:
    """Those whose classes' bulletins this person reads: oneself, and the pupils they may be told about now."""
    own = {standing.person.person_id: standing.person} if standing.is_pupil else {}
    return {**own, **{pupil_id: child.pupil for pupil_id, child in standing.children.items()}}


def concerns(standing: Standing, sent: Sent, belongs: Iterable[Belongs]) -> tuple[UUID, ...]:
    """The reader's pupils whom it is about: those in one of its groups now, or on the day it was sent."""
    pupils = pupils_of(standing)
    if not sent.group_ids:
        return tuple(one for one, pupil in pupils.items() if sent.school_id in pupil.school_ids)
    inside = [one for one in belongs if one.group_id in sent.group_ids and one.pupil_id in pupils]
    mine = {one.pupil_id for one in inside if one.holds(sent.day) or one.holds(standing.today)}
    return tuple(one for one in pupils if one in mine)


def as_staff(standing: Standing, sent: Sent) -> bool:
    """May this person read it because of their work?"""
    if sent.school_id not in standing.schools:
        return False
    return standing.in_charge_of(sent.school_id) or bool(mentored(standing, sent))


def answers_for(standing: Standing, sent: Sent) -> bool:
    """May this person see which homes it has not reached, and remind the others: its mentors and the principal."""
    if sent.school_id not in standing.schools:
        return False
    return sent.school_id in standing.principal_of or bool(mentored(standing, sent))


def mentored(standing: Standing, sent: Sent) -> frozenset[UUID]:
    """Those of its classes that this person is mentor of; of what went to a whole school, all of theirs there."""
    mine = {one for one, group in standing.mentor_groups.items() if group.school_id == sent.school_id}
    return frozenset(sent.group_ids & mine if sent.group_ids else mine)


def mark(sent: Sent, about: Iterable[UUID], belongs: Iterable[Belongs], read_at: datetime | None) -> Mark:
    """Has this home read it, or does the school wait for it?"""
    if read_at is not None:
        return Mark.READ
    mine = set(about)
    told = any(one.pupil_id in mine and one.group_id in sent.group_ids and one.holds(sent.day) for one in belongs)
    return Mark.UNREAD if told or not sent.group_ids else Mark.EARLIER


def language_for(languages: Sequence[str], *wanted: str | None) -> str:
    """Which of these languages, in the order in which they stand in for each other, somebody gets.

    `wanted` are BCP 47 tags, best first. A Nordic neighbour's comes before a language that may be wholly foreign.
    """
    plain = {primary(one): one for one in reversed(languages)}
    asked = [primary(one) for one in wanted if one]
    near = [other for one in asked for other in NEAR.get(one, ())]
    return next((plain[one] for one in (*asked, *near) if one in plain), languages[0])


def in_order(pupils: Iterable[UUID], persons: Mapping[UUID, PersonStated], names: Mapping[UUID, str]) -> list[UUID]:
    """The oldest first, those of the same day by name: as a family counts its children."""
    return sorted(pupils, key=lambda one: (persons[one].born or date.max, names.get(one, ""), str(one)))
