"""Who comes to a meeting, as staff see it: by pupil, those they teach, names of the protected left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.scheduling.domain.guests import Meet, invited
from services.scheduling.store.meetings import Comes, Roll
from shared.events.roster import PersonStated
from shared.roster.access import is_protected, oneself, ties_of, verdicts
from shared.roster.standing import Standing


@dataclass(frozen=True)
class Pupil:
    """A pupil in the list; no name: protected."""

    pupil_id: UUID
    name: str | None
    protected: bool
    classes: list[UUID]


@dataclass(frozen=True)
class Coming:
    """Somebody comes, for these pupils. `may_come` is false for who has lost the right since they registered."""

    person_id: UUID
    name: str | None
    pupils: list[Pupil]
    seats: int
    came: bool | None
    may_come: bool

    def order(self) -> tuple[bool, str]:
        """By the first pupil's name, those without at the end."""
        name = self.pupils[0].name
        return name is None, name or ""


def coming(standing: Standing, meet: Meet, roll: Roll, zone: str) -> list[Coming]:
    """The registrations for pupils whom the reader teaches."""
    classes = invited(meet, roll.inside, zone, standing.today)
    found = [_one(standing, comes, roll, classes) for comes in roll.comes]
    return sorted((one for one in found if one), key=Coming.order)


def _one(standing: Standing, comes: Comes, roll: Roll, classes: dict[UUID, list[UUID]]) -> Coming | None:
    person = roll.persons.get(comes.person_id)
    theirs = [one for one in roll.with_pupils.get(comes.person_id, ()) if one in classes or one == comes.pupil_id]
    allowed = [one for one in theirs if _may(person, one, roll, standing.today)]
    seen = [pupil for one in allowed or [comes.pupil_id] if (pupil := roll.persons.get(one))]
    taught = [pupil for pupil in seen if standing.teaches(pupil)]
    if not taught:
        return None
    hidden = is_protected(person, *taught)
    pupils = [
        Pupil(
            one.person_id,
            None if is_protected(one) else _name(roll, one.person_id),
            is_protected(one),
            classes.get(one.person_id, []),
        )
        for one in taught
    ]
    name = None if hidden else _name(roll, comes.person_id)
    pupils.sort(key=lambda one: (one.name is None, one.name))
    return Coming(comes.person_id, name, pupils, comes.seats, comes.came, bool(allowed))


def _may(person: PersonStated | None, pupil_id: UUID, roll: Roll, on: date) -> bool:
    """May this person come for this pupil now?"""
    pupil = roll.persons.get(pupil_id)
    if pupil is None or person is None:
        return False
    if person.person_id == pupil_id:
        return oneself(pupil, on).allowed
    given = [one for one in roll.consents if one.pupil_id == pupil_id]
    judged = verdicts(pupil, ties_of(roll.ties.get(pupil_id)), roll.persons, on, given)
    return any(one.allowed and one.guardian_id == person.person_id for one in judged)


def _name(roll: Roll, person_id: UUID) -> str | None:
    contact = roll.contacts.get(person_id)
    return contact.full_name if contact else None
