"""What the pages of staff share: who may open them, and under what name a pupil appears there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from services.portal.store.finding import Zones
from services.portal.store.schools import Registry
from shared.clock import local_date
from shared.events.roster import ContactStated, PersonStated, SchoolStated
from shared.roster.access import is_protected
from shared.roster.standing import Standing

Context = dict[str, Any]  # what a template is given


@dataclass(frozen=True)
class Shown:
    """A person as a page of staff shows them. No name: it is not for this reader, or protected."""

    person_id: UUID
    name: str | None = None
    protected: bool = False
    link: str | None = None
    phones: tuple[str, ...] = ()


def knows(standing: Standing, pupil: PersonStated | None) -> bool:
    """True for the mentor and the principal of the pupil: they may see the name, at work, where one is not a parent."""
    return pupil is not None and pupil.person_id != standing.person.person_id and standing.teaches(pupil)


def school_of(standing: Standing, school_id: UUID) -> SchoolStated:
    """A school whose ledger this person may open. Raises 404, whether it is not theirs or does not exist."""
    if standing.in_charge_of(school_id):
        return standing.schools[school_id]
    raise HTTPException(404)


def zones(schools: Iterable[SchoolStated]) -> Zones:
    """The time zone of each school."""
    return {school.school_id: school.zone for school in schools}


def shown(standing: Standing, pupil_id: UUID, registry: Registry) -> Shown:
    """A pupil in a list: a name with a link for who knows the pupil, a mark and a link when protected."""
    pupil = registry.persons.get(pupil_id)
    if not knows(standing, pupil):
        return Shown(pupil_id)
    protected = is_protected(pupil)
    name = None if protected else name_of(registry.contacts.get(pupil_id))
    return Shown(pupil_id, name, protected, f"/pupil/{pupil_id}")


def same_day(zone: str) -> Callable[[datetime, date], bool]:
    """For templates: is this instant on that day, there? Then the clock says enough."""
    return lambda at, day: local_date(at, zone) == day


def workplaces(standing: Standing) -> Zones:
    """Where this person works: not the schools they know as a parent."""
    mine = standing.principal_of | {group.school_id for group in standing.mentor_groups.values()}
    schools = standing.schools.values()
    return zones(school for school in schools if standing.municipality or school.school_id in mine)


def name_of(contact: ContactStated | None) -> str | None:
    """Given and family name."""
    return contact.full_name if contact else None
