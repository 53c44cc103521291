"""Organisations, persons, groups, duties and activities of SS 12000 as our roster events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from pydantic import ValidationError

from services.registry.domain.kinds import Kind
from services.registry.domain.ss12000 import (
    Activity,
    AddressObject,
    Duty,
    Enrolment,
    Group,
    Organisation,
    Person,
    PostalObject,
    ReferenceObject,
    ResponsibleObject,
)
from services.registry.domain.statements import Known, Manner, Reading, Stated, Ties, through_guardians
from services.registry.domain.values import MARKINGS, Origin, day_after, marking_of, plain, relation_of
from shared.events.roster import (
    Assignment,
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    LoginStated,
    Marking,
    Membership,
    PersonStated,
    PostalAddress,
    Relation,
    SchoolStated,
    StaffStated,
    SubjectStated,
)

SCHOOL_KINDS = {
    "huvudman": "municipality",
    "stadsdel": "district",
    "rektorsområde": "principal_area",
    "skola": "school",
    "skolenhet": "school_unit",
    "övrigt": "other",
}
ACTIVE = ("", "aktiv")
# Where mail is to go, best first (SS 12000 address types); of any other kind only when there is none of these.
ADDRESS_TYPES = {"särskildpostadress": 0, "postadress": 1, "folkbokföring": 2, "folkbokföringsadress": 2}
OTHER_TYPE = 3
UNSET = 0  # a version is given when the statement turns out to be news
# SS 12000 activityType: of these attendance is reported; an activity that does not say counts as teaching.
ATTENDANCE_TAKEN = frozenset({"Undervisning", "Elevaktivitet", None})
LOOP = (
    "A person is stated as answering for somebody who answers for them (or for themselves). The list of who "
    "answers for this pupil was left as it was; correct it in the registry."
)
UNKNOWN_RELATION = "A relationType is not in the standard; that person was taken as one without any right to be told."


def school(row: Organisation, origin: Origin, _: Known) -> Reading:
    """An organisation as a school; one without a type is taken as a school."""
    event = SchoolStated(
        school_id=row.id,
        version=UNSET,
        name=row.display_name,
        kind=SCHOOL_KINDS.get(plain(row.organisation_type), "school"),
        parent_id=row.parent_organisation.id if row.parent_organisation else None,
        email=row.email or None,
        zone=origin.zone,
        language=origin.language,
    )
    return Reading((Stated(Kind.SCHOOL, row.id, row.id, event, row.modified(origin)),))


def person(row: Person, origin: Origin, known: Known) -> Reading:
    """A person, how to reach them, who answers for them (or for whom they answer), and how they log in."""
    modified = row.modified(origin)
    ties, notes = _guardianships(row, modified, known)
    stated = (
        Stated(Kind.PERSON, row.id, row.id, _person(row, origin.today), modified),
        Stated(Kind.CONTACT, row.id, row.id, _contact(row), modified),
        *ties,
        *_login(row, modified),
        *marking_hints(tie.person for tie in row.responsibles or ()),
    )
    return Reading(stated, notes)


def group(row: Group, origin: Origin, _: Known) -> Reading:
    """A group with its members in a settled order, so that the same members are the same state."""
    members = {
        Membership(person_id=one.person.id, starts=one.start_date, ends=day_after(one.end_date))
        for one in row.group_memberships
    }
    event = GroupStated(
        group_id=row.id,
        version=UNSET,
        school_id=row.organisation.id,
        name=row.display_name,
        kind=row.group_type or "Övrigt",
        members=tuple(sorted(members, key=lambda m: (m.person_id, m.starts or date.min, m.ends or date.max))),
    )
    hints = marking_hints(one.person for one in row.group_memberships)
    return Reading((Stated(Kind.GROUP, row.id, row.id, event, row.modified(origin)), *hints))


def duty(row: Duty, origin: Origin, _: Known) -> Reading:
    """A post at a school, with the holder's part in each group."""
    parts = {
        Assignment(
            group_id=one.group.id,
            role=one.assignment_role_type,
            starts=one.start_date,
            ends=day_after(one.end_date),
        )
        for one in row.assignment_role
    }
    event = StaffStated(
        post_id=row.id,
        version=UNSET,
        school_id=row.duty_at.id,
        person_id=row.person.id if row.person else None,
        role=row.duty_role,
        starts=row.start_date,
        ends=day_after(row.end_date),
        assignments=tuple(sorted(parts, key=lambda a: (a.group_id, a.role, a.starts or date.min, a.ends or date.max))),
    )
    hints = marking_hints([row.person] if row.person else [])
    return Reading((Stated(Kind.STAFF, row.id, row.id, event, row.modified(origin)), *hints))


def subject(row: Activity, origin: Origin, _: Known) -> Reading:
    """What is taught to which groups. Activities of every type are taken."""
    event = SubjectStated(
        subject_id=row.id,
        version=UNSET,
        school_id=row.organisation.id,
        name=row.display_name,
        group_ids=tuple(sorted({reference.id for reference in row.groups})),
        attendance_taken=row.activity_type in ATTENDANCE_TAKEN,
    )
    return Reading((Stated(Kind.SUBJECT, row.id, row.id, event, row.modified(origin)),))


def marking_hints(references: Iterable[ReferenceObject]) -> list[Stated]:
    """Markings that travelled in references to persons; a word the standard does not have is no hint."""
    marked = [(reference.id, MARKINGS.get(plain(reference.security_marking))) for reference in references]
    return [
        Stated(
            Kind.PERSON,
            person_id,
            person_id,
            PersonStated(person_id=person_id, version=UNSET, marking=marking),
            manner=Manner.MARKING_ONLY,
        )
        for person_id, marking in marked
        if marking not in (None, Marking.NONE)
    ]


def _person(row: Person, today: date) -> PersonStated:
    return PersonStated(
        person_id=row.id,
        version=UNSET,
        born=row.birth_date,
        marking=marking_of(row.security_marking),
        active=plain(row.person_status) in ACTIVE,
        school_ids=tuple(sorted({one.enroled_at.id for one in row.enrolments if _goes_there(one, today)})),
    )


def _goes_there(enrolment: Enrolment, today: date) -> bool:
    """True until the enrolment's last day is over; one that has not begun yet counts."""
    return not enrolment.cancelled and (enrolment.end_date is None or enrolment.end_date >= today)


def _contact(row: Person) -> ContactStated:
    return ContactStated(
        person_id=row.id,
        version=UNSET,
        given_name=row.given_name,
        family_name=row.family_name,
        emails=_values(row.emails),
        phones=_values(row.phone_numbers),
        address=_address(row),
    )


def _address(row: Person) -> PostalAddress | None:
    """Where letters go; None for the marked, whose home is never stated, and where nothing can be posted to."""
    if marking_of(row.security_marking) is not Marking.NONE:
        return None
    whole = [one for one in row.addresses if one.street_address and one.postal_code and one.locality]
    best = min(whole, key=_rank, default=None)
    try:
        return _postal(best) if best else None
    except ValidationError:  # a text too long for an address, or with signs no text has
        return None


def _rank(address: PostalObject) -> int:
    return ADDRESS_TYPES.get(plain(address.type).replace(" ", ""), OTHER_TYPE)


def _postal(address: PostalObject) -> PostalAddress:
    return PostalAddress(
        street=address.street_address or "",
        postal_code=address.postal_code or "",
        locality=address.locality or "",
        care_of=address.care_of or "",
        country=address.country or "",
    )


def _login(row: Person, modified: datetime | None) -> list[Stated]:
    """Nothing without a key. A row that names no identifier any more takes back what it had named."""
    if row.logins is None:
        return []
    event = LoginStated(person_id=row.id, version=UNSET, identifiers=tuple(sorted(set(row.logins))))
    manner = Manner.WHOLE if row.logins else Manner.EMPTIES_OWN
    return [Stated(Kind.LOGIN, row.id, row.id, event, modified, manner)]


def _values(addresses: Iterable[AddressObject]) -> tuple[str, ...]:
    """Each address once, in the registry's order."""
    return tuple(dict.fromkeys(address.value for address in addresses if address.value))


def _guardianships(row: Person, modified: datetime | None, known: Known) -> tuple[tuple[Stated, ...], tuple[str, ...]]:
    """The ties a person's row states, in either direction, and notes about those that could not be used."""
    children = row.embedded.responsible_for if row.embedded else None
    stated = [_by_pupil(row, modified), *_by_grown_up(row.id, children, known)]
    good = [one for one in stated if not _is_loop(one, known)]
    notes = [LOOP] if len(good) < len(stated) else []
    if any(relation_of(tie.relation_type) is None for tie in (*(row.responsibles or ()), *(children or ()))):
        notes.append(UNKNOWN_RELATION)
    return tuple(good), tuple(notes)


def _by_pupil(row: Person, modified: datetime | None) -> Stated:
    """The pupil's own row lists everyone. A row without a list takes back what it had stated before, if anything."""
    ties = {_tie(tie.person.id, tie) for tie in row.responsibles or ()}
    manner = Manner.EMPTIES_OWN if row.responsibles is None else Manner.WHOLE
    return Stated(Kind.GUARDIANSHIPS, row.id, row.id, _ties_event(row.id, ties), modified, manner)


def _by_grown_up(grown_up_id: UUID, children: Iterable[ResponsibleObject] | None, known: Known) -> list[Stated]:
    """A grown-up's row lists the pupils: for each of them this one's tie is replaced and the others' stay.

    A pupil whose own row lists who answers for them is left alone: two lists must not take turns.
    """
    if children is None:
        return []
    said: dict[UUID, set[Guardianship]] = {pupil_id: set() for pupil_id in known.pupils_of(grown_up_id)}
    for child in children:
        said.setdefault(child.person.id, set()).add(_tie(grown_up_id, child))
    open_to_it = {pupil_id: ties for pupil_id, ties in said.items() if not known.ties.get(pupil_id, Ties()).own}
    return [
        Stated(
            Kind.GUARDIANSHIPS,
            pupil_id,
            through_guardians(pupil_id),
            _ties_event(pupil_id, ties | _others(pupil_id, grown_up_id, known)),
        )
        for pupil_id, ties in open_to_it.items()
    ]


def _others(pupil_id: UUID, grown_up_id: UUID, known: Known) -> set[Guardianship]:
    return {tie for tie in known.ties.get(pupil_id, Ties()).ties if tie.guardian_id != grown_up_id}


def _tie(guardian_id: UUID, tie: ResponsibleObject) -> Guardianship:
    """One tie; a relation the standard does not have gives no right."""
    relation = relation_of(tie.relation_type) or Relation.OTHER_ENTITLED
    return Guardianship(guardian_id=guardian_id, relation=relation, starts=tie.start_date, ends=day_after(tie.end_date))


def _ties_event(pupil_id: UUID, ties: Iterable[Guardianship]) -> GuardianshipsStated:
    ordered = sorted(ties, key=lambda t: (t.guardian_id, t.relation, t.starts or date.min, t.ends or date.max))
    return GuardianshipsStated(pupil_id=pupil_id, version=UNSET, ties=tuple(ordered))


def _is_loop(stated: Stated, known: Known) -> bool:
    """True when somebody would answer for themselves, or two persons for each other."""
    ties = stated.event.ties if isinstance(stated.event, GuardianshipsStated) else ()
    grown_ups = {tie.guardian_id for tie in ties}
    return any(grown_up == stated.id or stated.id in known.grown_ups_of(grown_up) for grown_up in grown_ups)
