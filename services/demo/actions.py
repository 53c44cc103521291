"""What happens in the registry during the day, each at its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.demo.names import slug
from services.demo.people import Adult, Municipality, world_id
from services.demo.records import Records, Resource, as_served
from services.demo.ss12000 import adult_body, pupil_body
from services.demo.timetable import Mark


@dataclass(frozen=True)
class Stage:
    """Where things happen: what is true, and what the registry holds of it."""

    whole: Municipality
    records: Records


class Action(Protocol):
    """Something somebody does at a school or at home."""

    @property
    def at(self) -> datetime:
        """When, in UTC on the demo's clock."""
        ...

    def do(self, stage: Stage) -> None:
        """Do it: change what the registry holds, and what is true."""
        ...


@dataclass(frozen=True)
class Report:
    """A teacher reports a lesson, or corrects part of it."""

    at: datetime
    marks: tuple[Mark, ...]

    def do(self, stage: Stage) -> None:
        """Write the marks."""
        stage.records.put(Resource.ATTENDANCES, [mark.body() for mark in self.marks], self.at)


@dataclass(frozen=True)
class TakeBack:
    """A teacher takes a mark back altogether."""

    at: datetime
    mark: Mark

    def do(self, stage: Stage) -> None:
        """Take the attendance out."""
        stage.records.remove(Resource.ATTENDANCES, str(self.mark.id), self.at)


@dataclass(frozen=True)
class HomeReport:
    """A guardian says that the pupil will be away. `kind` is the standard's word."""

    at: datetime
    id: UUID
    pupil_id: UUID
    school_id: UUID
    starts: datetime
    ends: datetime
    kind: str = "Anmäld frånvaro"

    def do(self, stage: Stage) -> None:
        """Write the absence."""
        body = {
            "id": str(self.id),
            "student": {"id": str(self.pupil_id)},
            "organisation": {"id": str(self.school_id)},
            "startTime": as_served(self.starts),
            "endTime": as_served(self.ends),
            "type": self.kind,
        }
        stage.records.put(Resource.ABSENCES, [body], self.at)


@dataclass(frozen=True)
class Withdraw:
    """A court has taken a guardian's custody away and the registry has been told."""

    at: datetime
    pupil_id: UUID
    adult_id: UUID

    def do(self, stage: Stage) -> None:
        """Take the tie away and write the pupil again."""
        stage.whole.withdraw(self.pupil_id, self.adult_id)
        stage.records.put(Resource.PERSONS, [pupil_body(stage.whole, stage.whole.pupils[self.pupil_id])], self.at)


@dataclass(frozen=True)
class Join:
    """The registry names one more guardian of a pupil. Whether that is right, a person has to say."""

    at: datetime
    pupil_id: UUID

    def do(self, stage: Stage) -> None:
        """Write the guardian, and the pupil again with one tie more."""
        whole = stage.whole
        pupil = whole.pupils[self.pupil_id]
        number = 1 + max(adult.number for adult in whole.adults.values())
        known = whole.adults[pupil.ties[0].adult_id]
        adult_id = world_id(whole.seed, "adult", "joined", pupil.id)
        mailbox = f"robin.{slug(known.family)}{number}@hem.example"
        adult = Adult(adult_id, "Robin", known.family, (mailbox,), known.phone, known.street, number)
        whole.join(pupil.id, adult)
        stage.records.put(Resource.PERSONS, [adult_body(adult), pupil_body(whole, pupil)], self.at)


@dataclass(frozen=True)
class Remove:
    """A pupil has moved away and is taken out of the registry."""

    at: datetime
    pupil_id: UUID

    def do(self, stage: Stage) -> None:
        """Take the person out."""
        stage.whole.remove(self.pupil_id)
        stage.records.remove(Resource.PERSONS, str(self.pupil_id), self.at)
