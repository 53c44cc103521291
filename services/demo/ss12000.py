"""The municipality in the words of SS 12000:2020, with a few of the habits that real registries have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.demo import names
from services.demo.halfyear import half_year
from services.demo.people import Adult, Employee, Municipality, Pupil, School, SchoolClass, world_id
from services.demo.records import Body, Records, Resource

LOCALITY = "Brohamn"
SCHOOL_TYPE = {"upper": "GY", "lower": "GR", "primary": "GR"}


def load(whole: Municipality, records: Records) -> None:
    """Put the whole municipality into the registry, as it was a month before the half-year of its first day."""
    at = datetime.combine(half_year(whole.first_day).starts, datetime.min.time(), UTC) - timedelta(days=30)
    records.put(Resource.ORGANISATIONS, _organisations(whole), at)
    records.put(Resource.PERSONS, _persons(whole), at)
    records.put(Resource.GROUPS, _groups(whole), at)
    records.put(Resource.DUTIES, _duties(whole), at)
    records.put(Resource.ACTIVITIES, _activities(whole), at)


def pupil_body(whole: Municipality, pupil: Pupil) -> Body:
    """A pupil with enrolment and `responsibles`. Time bounds on a tie are our extension, as some registries have."""
    seat = pupil.school_class
    enrolment = {
        "enroledAt": {"id": str(seat.school.id)},
        "schoolType": SCHOOL_TYPE[seat.school.kind],
        "schoolYear": seat.grade,
        "startDate": _autumn(whole.first_day).isoformat(),
        "cancelled": False,
    }
    says_birth_date = pupil.id.int % 10 != 0  # some registries leave it to the civic number
    return {
        "id": str(pupil.id),
        "givenName": pupil.given,
        "familyName": pupil.family,
        "birthDate": pupil.born.isoformat() if says_birth_date else None,
        "civicNo": _civic_no(pupil.civic_no),
        "eduPersonPrincipalNames": [pupil.account],
        "sex": "Okänt",
        "securityMarking": pupil.marking,
        "personStatus": "Aktiv",
        "enrolments": [enrolment],
        "responsibles": list(_responsibles(whole, pupil)),
        "externalIdentifiers": [{"value": pupil.id.hex[:8], "context": "brohamn-sis", "globallyUnique": False}],
    }


def adult_body(adult: Adult) -> Body:
    """A grown-up in a family."""
    kinds = ("Privat", "Arbete övrigt")
    place = {"type": "Folkbokföring", "streetAddress": adult.street, "locality": LOCALITY, "postalCode": "999 01"}
    return {
        "id": str(adult.id),
        "givenName": adult.given,
        "familyName": adult.family,
        "civicNo": _civic_no(adult.civic_no),
        "securityMarking": "Ingen",
        "personStatus": "Aktiv",
        # An empty list comes as null from some registries.
        "emails": [{"value": email, "type": kind} for email, kind in zip(adult.emails, kinds, strict=False)] or None,
        "phoneNumbers": [{"value": adult.phone, "type": "Hem", "mobile": True}],
        "addresses": [place],
    }


def activity_id(whole: Municipality, school_class: SchoolClass, subject: str) -> UUID:
    """The id of a subject taught to a class."""
    return world_id(whole.seed, "activity", school_class.id, subject)


def _organisations(whole: Municipality) -> Iterator[Body]:
    owner = str(whole.owner_id)
    yield _organisation(owner, names.MUNICIPALITY, "Huvudman", "utbildning@brohamn.example")
    for school in whole.schools:
        unit = _organisation(str(school.id), school.name, "Skolenhet", school.email)
        yield {**unit, "parentOrganisation": {"id": owner, "displayName": names.MUNICIPALITY}}


def _organisation(organisation_id: str, name: str, kind: str, email: str) -> Body:
    return {"id": organisation_id, "displayName": name, "organisationType": kind, "email": email, "url": None}


def _persons(whole: Municipality) -> Iterator[Body]:
    for pupil in whole.pupils.values():
        yield pupil_body(whole, pupil)
    yield from map(adult_body, whole.adults.values())
    yield from map(_employee, whole.employees)


def _responsibles(whole: Municipality, pupil: Pupil) -> Iterator[Body]:
    for tie in pupil.ties:
        adult = whole.adults[tie.adult_id]
        reference = {"id": str(adult.id), "displayName": f"{adult.given} {adult.family}"}
        last = tie.ends - timedelta(days=1) if tie.ends else None  # the standard's endDate is the last day in force
        bounds = {"startDate": tie.starts, "endDate": last}
        known = {name: day.isoformat() for name, day in bounds.items() if day}
        yield {"person": reference, "relationType": tie.relation.value, **known}


def _employee(employee: Employee) -> Body:
    return {
        "id": str(employee.id),
        "givenName": employee.given,
        "familyName": employee.family,
        "civicNo": _civic_no(employee.civic_no),
        "eduPersonPrincipalNames": [employee.account],
        "securityMarking": "Ingen",
        "personStatus": "Aktiv",
        "emails": [{"value": employee.email, "type": "Skola personal"}],
    }


def _civic_no(value: str) -> Body:
    return {"value": value, "nationality": "SE"}


def _groups(whole: Municipality) -> Iterator[Body]:
    for school_class in whole.classes:
        yield _group(whole, school_class, school_class.id, "Klass", school_class.name)
        if _has_mentor_groups(school_class.school):
            group_id, name = mentored_group(whole, school_class)
            yield _group(whole, school_class, group_id, "Mentor", name)


def _group(whole: Municipality, school_class: SchoolClass, group_id: UUID, kind: str, name: str) -> Body:
    start = _autumn(whole.first_day).isoformat()
    members = [{"person": {"id": str(pupil.id)}, "startDate": start} for pupil in whole.of_class(school_class.id)]
    return {
        "id": str(group_id),
        "displayName": name,
        "groupType": kind,
        "startDate": start,
        "schoolType": SCHOOL_TYPE[school_class.school.kind],
        "organisation": {"id": str(school_class.school.id)},
        "groupMemberships": members,
    }


def _has_mentor_groups(school: School) -> bool:
    """One kind of school says who the mentor is with a group of its own, the others with a role on the class."""
    return school.kind == "upper"


def mentored_group(whole: Municipality, school_class: SchoolClass) -> tuple[UUID, str]:
    """The group whose mentor a class's mentor is, and its name: the class itself, or one beside it."""
    if not _has_mentor_groups(school_class.school):
        return school_class.id, school_class.name
    return world_id(whole.seed, "mentor group", school_class.id), f"{school_class.name} mentor"


def _duties(whole: Municipality) -> Iterator[Body]:
    mentored: dict[UUID, list[UUID]] = {}
    for seat in whole.classes:
        mentored.setdefault(seat.mentor_id, []).append(mentored_group(whole, seat)[0])
    for employee in whole.employees:
        yield _duty(whole, employee, mentored.get(employee.id, []))


def _duty(whole: Municipality, employee: Employee, groups: list[UUID]) -> Body:
    start = _autumn(whole.first_day).isoformat()
    return {
        "id": str(world_id(whole.seed, "duty", employee.id)),
        "person": {"id": str(employee.id)},
        "dutyAt": {"id": str(employee.school_id)},
        "dutyRole": employee.role,
        "dutyPercent": 100,
        "startDate": start,
        "assignmentRole": [
            {"group": {"id": str(group)}, "assignmentRoleType": "Mentor", "startDate": start} for group in groups
        ],
    }


def _activities(whole: Municipality) -> Iterator[Body]:
    start = _autumn(whole.first_day).isoformat()
    for school_class in whole.classes:
        for code, subject in names.SUBJECTS:
            teacher = world_id(whole.seed, "duty", school_class.teachers[code])
            yield {
                "id": str(activity_id(whole, school_class, code)),
                "displayName": f"{subject} {school_class.name}",
                "activityType": "Undervisning",
                "calendarEventsRequired": True,
                "startDate": start,
                "organisation": {"id": str(school_class.school.id)},
                "groups": [{"id": str(school_class.id)}],
                "teachers": [{"duty": {"id": str(teacher)}, "startDate": start}],
            }


def _autumn(day: date) -> date:
    """Since when everybody is where they are: the school year in which the half-year of that first day begins."""
    return half_year(day).founded
