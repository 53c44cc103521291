"""The roster: who goes to which school, who answers for whom. Owned by `registry`; compacted topics.

These are the only events that carry personal data, split so that a reader takes no more than it needs:
`PersonStated` has no name, `ContactStated` has names and addresses and is read only by those who write to people.
Each is the whole state of its key; `version` grows with every change, and a tombstone erases. `tenant_id` is the
municipality (huvudman) whose registry stated it: row-level security keeps what belongs to one from another's people.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Event, Line, Version
from shared.topics import CONTACTS, GROUPS, GUARDIANSHIPS, LOGINS, PERSONS, SCHOOLS, STAFF, SUBJECTS


class Marking(StrEnum):
    """Protected identity, mildest first (SS 12000 `securityMarking`). It can only get stricter by import."""

    NONE = "none"
    MARKED = "marked"  # sekretessmarkering
    PROTECTED = "protected"  # skyddad folkbokföring


class Relation(StrEnum):
    """What a grown-up is to a pupil (SS 12000 `relationType`). Only the first two answer for the pupil in law."""

    GUARDIAN = "guardian"  # vårdnadshavare
    APPOINTED = "appointed"  # god man for a child without guardians
    PARENT = "parent"  # förälder without custody
    OTHER_RESPONSIBLE = "other_responsible"  # annan ansvarig
    OTHER_ENTITLED = "other_entitled"  # annan behörig


class Part(BaseModel):
    """A part of an event; unknown fields are ignored as in the event itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SchoolStated(Event):
    """A school, school unit or the municipality above them. `zone` is an IANA time zone name."""

    event_type: ClassVar[str] = "roster.school_stated.v1"
    topic: ClassVar[str] = SCHOOLS.name

    school_id: UUID
    version: Version
    tenant_id: UUID | None = None
    name: Line
    kind: Line = "school"
    parent_id: UUID | None = None
    email: Line | None = None
    zone: Line = "Europe/Stockholm"
    language: Line = "sv"

    def key(self) -> str:
        """The school."""
        return str(self.school_id)


class PersonStated(Event):
    """A person without a name: what rules need to know. `school_ids` are where the person is enrolled."""

    event_type: ClassVar[str] = "roster.person_stated.v1"
    topic: ClassVar[str] = PERSONS.name

    person_id: UUID
    version: Version
    tenant_id: UUID | None = None
    born: date | None = None
    marking: Marking = Marking.NONE
    active: bool = True
    school_ids: tuple[UUID, ...] = ()

    def key(self) -> str:
        """The person."""
        return str(self.person_id)


class PostalAddress(Part):
    """Where a letter goes, as the registry writes it. `country` is a name or a code, empty for the school's own."""

    street: Line
    postal_code: Line
    locality: Line
    care_of: Line = ""
    country: Line = ""


class ContactStated(Event):
    """How to address and reach a person. Language is a BCP 47 tag (`sv`, `nb`, `nn`, `en`)."""

    event_type: ClassVar[str] = "roster.contact_stated.v1"
    topic: ClassVar[str] = CONTACTS.name

    person_id: UUID
    version: Version
    tenant_id: UUID | None = None
    given_name: Line
    family_name: Line
    emails: tuple[Line, ...] = ()
    phones: tuple[Line, ...] = ()
    language: Line | None = None
    address: PostalAddress | None = None

    @property
    def full_name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}"

    def key(self) -> str:
        """The person."""
        return str(self.person_id)


class Guardianship(Part):
    """One grown-up's tie to the pupil, in force on `starts <= day < ends` (None: open)."""

    guardian_id: UUID
    relation: Relation
    starts: date | None = None
    ends: date | None = None


class GuardianshipsStated(Event):
    """Everyone who has a tie to one pupil. The whole list travels, so that one who is gone is gone."""

    event_type: ClassVar[str] = "roster.guardianships_stated.v1"
    topic: ClassVar[str] = GUARDIANSHIPS.name

    pupil_id: UUID
    version: Version
    tenant_id: UUID | None = None
    ties: tuple[Guardianship, ...] = ()

    def key(self) -> str:
        """The pupil."""
        return str(self.pupil_id)


class Membership(Part):
    """A person in a group on `starts <= day < ends`."""

    person_id: UUID
    starts: date | None = None
    ends: date | None = None


class GroupStated(Event):
    """A class, teaching group or mentor group, with its members."""

    event_type: ClassVar[str] = "roster.group_stated.v1"
    topic: ClassVar[str] = GROUPS.name

    group_id: UUID
    version: Version
    tenant_id: UUID | None = None
    school_id: UUID
    name: Line
    kind: Line
    members: tuple[Membership, ...] = ()

    def key(self) -> str:
        """The group."""
        return str(self.group_id)


class Assignment(Part):
    """A member of staff's part in a group: mentor, teacher and so on."""

    group_id: UUID
    role: Line
    starts: date | None = None
    ends: date | None = None


class StaffStated(Event):
    """A post at a school (SS 12000 `duty`), who holds it, and for which groups."""

    event_type: ClassVar[str] = "roster.staff_stated.v1"
    topic: ClassVar[str] = STAFF.name

    post_id: UUID
    version: Version
    tenant_id: UUID | None = None
    school_id: UUID
    person_id: UUID | None = None
    role: Line
    starts: date | None = None
    ends: date | None = None
    assignments: tuple[Assignment, ...] = ()

    def key(self) -> str:
        """The post."""
        return str(self.post_id)


class SubjectStated(Event):
    """What is taught to which groups (SS 12000 `activity`). Of teachers' own activities no attendance is taken."""

    event_type: ClassVar[str] = "roster.subject_stated.v1"
    topic: ClassVar[str] = SUBJECTS.name

    subject_id: UUID
    version: Version
    tenant_id: UUID | None = None
    school_id: UUID
    name: Line
    group_ids: tuple[UUID, ...] = ()
    attendance_taken: bool = True

    def key(self) -> str:
        """The subject."""
        return str(self.subject_id)


class LoginStated(Event):
    """By which identifiers an identity provider may name this person. Read by the portal alone.

    Each is a keyed digest (`shared.ids.login_digest`): a personal identity number never travels.
    """

    event_type: ClassVar[str] = "roster.login_stated.v1"
    topic: ClassVar[str] = LOGINS.name

    person_id: UUID
    version: Version
    tenant_id: UUID | None = None
    identifiers: tuple[Line, ...] = ()

    def key(self) -> str:
        """The person."""
        return str(self.person_id)
