"""What the classes and the school have sent a home: each once, however many of its children it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.clock import local_date
from shared.languages import NEAR

if TYPE_CHECKING:
    from services.portal.domain.family import Membership, Pupil

NEWEST = 5


@dataclass(frozen=True)
class Bulletin:
    """A bulletin or a piece of school information. `titles` are (language, words), in the order they stand in."""

    bulletin_id: UUID
    kind: str  # shared.events.notify.MailingKind
    group_ids: frozenset[UUID]
    titles: tuple[tuple[str, str], ...]
    sent_at: datetime
    number: int = 0
    of: int = 0

    def title(self, *wanted: str) -> tuple[str, str]:
        """(language, words) in the first of these languages it has, or a neighbour's, or the one that stands in."""
        by_language = {one[0].partition("-")[0]: one for one in reversed(self.titles)}
        near = [other for one in wanted for other in NEAR.get(one, ())]
        found = next((by_language[one] for one in (*wanted, *near) if one in by_language), None)
        return found or (self.titles[0] if self.titles else ("", ""))


@dataclass(frozen=True)
class FromClass:
    """One of them on a home's page: whom it is about, and the day it was sent at their school."""

    bulletin: Bulletin
    pupils: tuple[UUID, ...]
    day: date

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"/bulletins/{self.bulletin.bulletin_id}"


def from_classes(
    pupils: Sequence[Pupil], groups: Mapping[UUID, Iterable[Membership]], bulletins: Iterable[Bulletin]
) -> tuple[FromClass, ...]:
    """The newest, each once, about those who are in one of its classes now or were on the day it was sent."""
    found = [line for one in bulletins if (line := _line(pupils, groups, one))]
    return tuple(sorted(found, key=lambda one: (one.bulletin.sent_at, one.bulletin.bulletin_id), reverse=True)[:NEWEST])


def _line(pupils: Sequence[Pupil], groups: Mapping[UUID, Iterable[Membership]], one: Bulletin) -> FromClass | None:
    about = [pupil for pupil in pupils if _concerns(pupil, groups.get(pupil.pupil_id, ()), one)]
    if not about:
        return None
    return FromClass(one, tuple(pupil.pupil_id for pupil in about), local_date(one.sent_at, about[0].zone))


def _concerns(pupil: Pupil, groups: Iterable[Membership], one: Bulletin) -> bool:
    sent = local_date(one.sent_at, pupil.zone)
    mine = (group for group in groups if group.group_id in one.group_ids)
    return any(group.holds(sent) or group.holds(pupil.today) for group in mine)
