"""SS 12000 as registries really send it: lenient models of what we use; everything else is left unread.

Tolerated on purpose: null for an empty list, a bare id for a reference, `number` for a phone's `value`,
`lastModified` for `modified`, dates with a time behind them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.registry.domain.kinds import Resource
from services.registry.domain.values import UNMARKED, Origin, born_by_civic_no, full_civic_no, plain
from shared.ids import login_digest

T = TypeVar("T")
LOGINS = "_logins"  # ours, never a registry's: digests of what the person may log in with
ADDRESSES = "addresses"
SCHOOL_MAIL = ("skola personal", "skola elev")  # AddressTypeEnum: addresses that a school gives out itself


def _day(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()[:10] or None
    return value


def _as_object(name: str) -> BeforeValidator:
    """Accept a bare value where the standard has an object around it."""
    return BeforeValidator(lambda value: {name: value} if isinstance(value, str) else value)


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


def _text(value: Any) -> Any:
    """A word, or a number where a registry writes postal codes as one; nothing else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _objects(value: Any) -> Any:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list | tuple) else ()


Day = Annotated[date | None, BeforeValidator(_day)]
Many = Annotated[tuple[T, ...], BeforeValidator(_none_is_empty)]
Text = Annotated[str | None, BeforeValidator(_text)]


class Lenient(BaseModel):
    """Base of the input models: camelCase outside, unknown fields unread, blanks around text dropped."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, str_strip_whitespace=True
    )


class Meta(Lenient):
    """When the registry last touched the row."""

    modified: datetime | None = Field(None, validation_alias=AliasChoices("modified", "lastModified"))


class Entity(Lenient):
    """A row of a list."""

    meta: Meta | None = None

    def modified(self, origin: Origin) -> datetime | None:
        """When the registry last touched it, in UTC."""
        said = self.meta.modified if self.meta else None
        return origin.instant(said) if said else None


class ReferenceObject(Lenient):
    """A pointer to another row. The marking of a person travels in it too."""

    id: UUID
    security_marking: str | None = None


Reference = Annotated[ReferenceObject, _as_object("id")]


class Organisation(Entity):
    """A school, school unit, or the body above them."""

    id: UUID
    display_name: str
    organisation_type: str | None = None
    parent_organisation: Reference | None = None
    email: str | None = None


class AddressObject(Lenient):
    """A mail address or phone number; the standard's own schema disagrees on the name of its field."""

    value: str | None = Field(None, validation_alias=AliasChoices("value", "number"))


Address = Annotated[AddressObject, _as_object("value")]


class PostalObject(Lenient):
    """A postal address. It is a nicety: one that cannot be read costs nobody their row."""

    type: Text = None
    care_of: Text = None
    street_address: Text = None
    postal_code: Text = None
    locality: Text = None
    country: Text = None


class Enrolment(Lenient):
    """A pupil's place at a school unit; `end_date` is the last day."""

    enroled_at: Reference
    end_date: Day = None
    cancelled: bool | None = None


class ResponsibleObject(Lenient):
    """A tie between a grown-up and a pupil; `person` is the other end of it."""

    person: Reference = Field(validation_alias=AliasChoices("person", "id"))
    relation_type: str | None = None
    start_date: Day = None
    end_date: Day = None


Responsible = Annotated[ResponsibleObject, _as_object("person")]


class Embedded(Lenient):
    """What `expand=responsibleFor` adds to a grown-up's row."""

    responsible_for: tuple[Responsible, ...] | None = None


class Person(Entity):
    """A pupil, guardian or member of staff. A pupil is one who has enrolments."""

    id: UUID
    given_name: str
    family_name: str
    birth_date: Day = None
    security_marking: str | None = None
    person_status: str | None = None
    emails: Many[Address] = ()
    phone_numbers: Many[Address] = ()
    addresses: Annotated[tuple[PostalObject, ...], BeforeValidator(_objects)] = ()
    enrolments: Many[Enrolment] = ()
    responsibles: tuple[Responsible, ...] | None = None
    embedded: Embedded | None = Field(None, alias="_embedded")
    logins: tuple[str, ...] | None = Field(None, alias=LOGINS)


class GroupMembership(Lenient):
    """A person in a group; `end_date` is the last day."""

    person: Reference
    start_date: Day = None
    end_date: Day = None


class Group(Entity):
    """A class, teaching group or mentor group."""

    id: UUID
    display_name: str
    group_type: str | None = None
    organisation: Reference
    group_memberships: Many[GroupMembership] = ()


class AssignmentRole(Lenient):
    """A member of staff's part in a group."""

    group: Reference
    assignment_role_type: str
    start_date: Day = None
    end_date: Day = None


class Duty(Entity):
    """A post at a school and who holds it."""

    id: UUID
    duty_at: Reference
    duty_role: str
    person: Reference | None = None
    start_date: Day = None
    end_date: Day = None
    assignment_role: Many[AssignmentRole] = ()


class Activity(Entity):
    """What is taught to which groups."""

    id: UUID
    display_name: str
    organisation: Reference
    groups: Many[Reference] = ()
    activity_type: str | None = None


class CalendarEvent(Entity):
    """One lesson."""

    id: UUID
    activity: Reference
    start_time: datetime
    end_time: datetime
    cancelled: bool | None = None


class Attendance(Entity):
    """One pupil's result in one lesson. One that is pushed to us may come without an id."""

    id: UUID | None = None
    student: Reference
    calendar_event: Reference
    is_reported: bool | None = None
    attendance_minutes: int | None = None
    valid_absence_minutes: int | None = None
    invalid_absence_minutes: int | None = None
    other_attendance_minutes: int | None = None


class Absence(Entity):
    """What the home said: the pupil will be away, or leave was granted."""

    id: UUID | None = None
    student: Reference
    start_time: datetime
    end_time: datetime


class AttendanceLine(Lenient):
    """A line of our plain attendance file. The lesson's times and school may be left out when the lesson is known."""

    model_config = ConfigDict(alias_generator=None)

    pupil_id: UUID
    lesson_id: UUID
    school_id: UUID | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    reported: bool = True
    attended_minutes: int = 0
    valid_minutes: int = 0
    invalid_minutes: int = 0
    modified: datetime | None = None


MODELS: Mapping[Resource, type[Lenient]] = {
    Resource.ORGANISATIONS: Organisation,
    Resource.PERSONS: Person,
    Resource.GROUPS: Group,
    Resource.DUTIES: Duty,
    Resource.ACTIVITIES: Activity,
    Resource.CALENDAR_EVENTS: CalendarEvent,
    Resource.ABSENCES: Absence,
    Resource.ATTENDANCES: Attendance,
    Resource.ATTENDANCE_LINES: AttendanceLine,
}
FIELDS = {
    resource: frozenset(field.alias or name for name, field in model.model_fields.items())
    for resource, model in MODELS.items()
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read, cut down to what we use. `entity` is its id when that can be read.

    `ref` names the row among those held back: its id, its place in a file, or else a digest of what it says.
    `fault` is why it could not even be taken apart; there is nothing in it to try again then.
    """

    resource: Resource
    raw: Any
    ref: str
    entity: UUID | None = None
    fault: str = ""


def row_of(
    resource: Resource, raw: Any, today: date, ref: str | None = None, logins: Sequence[str] | None = None
) -> Row:
    """Take from a row what we use and nothing more: a civic number only for the birth date in it, no home of the
    marked.

    `today` decides the century of a civic number that is written with two digits for the year. `logins` are the
    digests that stand for it (see `logins_of`).
    """
    kept = raw
    if isinstance(raw, dict):
        kept = {name: value for name, value in raw.items() if name in FIELDS[resource] and name != LOGINS}
        if resource is Resource.PERSONS:
            kept |= _from_civic_no(kept, raw, today) | ({} if logins is None else {LOGINS: list(logins)})
            if plain(str(raw.get("securityMarking") or "")) not in UNMARKED:
                kept.pop(ADDRESSES, None)  # where somebody in hiding lives is not even held back here
    entity = _entity(kept)
    return Row(resource, kept, ref or str(entity or _digest(kept)), entity)


def logins_of(resource: Resource, raw: Any, origin: Origin) -> list[str] | None:
    """Digests of what a person may log in with; None where there is no key for them, or no person."""
    if resource is not Resource.PERSONS or not origin.login_key or not isinstance(raw, dict):
        return None
    return [login_digest(origin.login_key, origin.tenant_id, *found) for found in _identifiers(raw, origin.today)]


def _identifiers(raw: Mapping[str, Any], today: date) -> Iterator[tuple[str, str]]:
    """Kind and value of every identifier; what is not written as the standard has it is none."""
    if civic_no := full_civic_no(raw.get("civicNo"), today):
        yield "civic_no", civic_no
    for name in _listed(raw.get("eduPersonPrincipalNames")):
        if isinstance(name, str) and name.strip():
            yield "eppn", name
    for address in _listed(raw.get("emails")):
        if isinstance(address, dict) and plain(str(address.get("type"))) in SCHOOL_MAIL and address.get("value"):
            yield "email", str(address["value"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _from_civic_no(kept: Mapping[str, Any], raw: Mapping[str, Any], today: date) -> dict[str, str | None]:
    if kept.get("birthDate"):
        return {}
    born = born_by_civic_no(raw.get("civicNo"), today)
    return {"birthDate": born.isoformat() if born else None}


def raw_bytes(row: Row) -> bytes | None:
    """The row as bytes PostgreSQL can keep whatever is in it: ASCII, with escapes for all the rest."""
    return None if row.fault else _bytes(row.raw)


def _entity(raw: Any) -> UUID | None:
    said = raw.get("id") if isinstance(raw, dict) else None
    try:
        return UUID(said) if isinstance(said, str) else None
    except ValueError:
        return None


def _digest(raw: Any) -> str:
    return f"without id {blake2b(_bytes(raw), digest_size=8).hexdigest()}"


def _bytes(raw: Any) -> bytes:
    try:
        return json.dumps(raw).encode()
    except RecursionError:  # nested so deep that it could be read but not written; nothing in it is for us
        return b"null"
