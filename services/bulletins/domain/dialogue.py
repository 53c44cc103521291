"""Conversations: what they may be about, who may take part, and when what is written is told.

Guardian, pupil and staff are equal parties: each may open one, each is named to the others, and nothing goes to anybody
who is not named. A conversation is about one pupil. Whether a party still may take part is asked at every look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.roster import PersonStated
from shared.languages import N_
from shared.quiet import next_allowed
from shared.roster.access import Family, is_protected
from shared.roster.standing import Standing

LONGEST = 4000  # characters of one message
MOST_URGENT = 2  # messages a home may mark as urgent in a day


class Subject(StrEnum):
    """What a conversation can be about, at school and in spare time. Closed, so that a mail can be silent about it."""

    LEARNING = "learning"
    SCHOOL_DAY = "school_day"
    FRIENDS = "friends"
    SPARE_TIME = "spare_time"
    PRACTICAL = "practical"
    SUPPORT = "support"


SUBJECTS = {
    Subject.LEARNING: N_("Learning and school work"),
    Subject.SCHOOL_DAY: N_("How the school day is"),
    Subject.FRIENDS: N_("Friends and being together"),
    Subject.SPARE_TIME: N_("Spare time"),
    Subject.PRACTICAL: N_("Practical matters"),
    Subject.SUPPORT: N_("Support and help"),
}


class Part(StrEnum):
    """What somebody takes part as."""

    GUARDIAN = "guardian"
    PUPIL = "pupil"
    STAFF = "staff"


class Fact(BaseModel):
    """Something the database holds; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PartyOf(Fact):
    """Somebody who takes part, with the name the others see; None where the name may not be shown."""

    person_id: UUID
    part: Part
    name: str | None = None
    joined_at: datetime
    left_at: datetime | None = None
    read_at: datetime | None = None


class FileOf(Fact):
    """What is attached to a message, without its bytes."""

    file_id: UUID
    name: str
    size: int


class Written(Fact):
    """One message. Held back from the others until `held_until`, as long as `told_at` is empty."""

    message_id: UUID
    person_id: UUID | None = None
    author_id: UUID | None = None
    words: str
    urgent: bool = False
    written_at: datetime
    held_until: datetime | None = None
    told_at: datetime | None = None
    files: tuple[FileOf, ...] = ()

    @property
    def by(self) -> UUID | None:
        """Who wrote it."""
        return self.person_id or self.author_id


class Conversation(Fact):
    """A conversation with its parties and what was written, oldest first."""

    thread_id: UUID
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    pupil_name: str | None = None
    subject: Subject
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None = None
    parties: tuple[PartyOf, ...] = ()
    messages: tuple[Written, ...] = ()

    def party(self, person_id: UUID) -> PartyOf | None:
        """This person's part in it, unless they have left."""
        return next((one for one in self.parties if one.person_id == person_id and one.left_at is None), None)

    def seen_by(self, person_id: UUID) -> list[Written]:
        """What this party reads: from when they joined on, and what is held back only when it is their own."""
        mine = self.party(person_id)
        if mine is None:
            return []
        return [
            one for one in self.messages if one.by == person_id or (one.told_at and one.written_at >= mine.joined_at)
        ]

    def unread_by(self, person_id: UUID) -> int:
        """How many messages of others this party has not opened yet."""
        mine = self.party(person_id)
        since = mine.read_at if mine else None
        told = [one for one in self.seen_by(person_id) if one.by != person_id and one.told_at]
        return sum(since is None or (one.told_at is not None and one.told_at > since) for one in told)


@dataclass(frozen=True)
class Around:
    """Everybody around one pupil who can be asked into a conversation: names by id, staff with their part."""

    pupil: PersonStated
    family: Family
    names: Mapping[UUID, str]
    mentors: tuple[UUID, ...]
    principals: tuple[UUID, ...]

    def may_join(self) -> dict[UUID, Part]:
        """Who can be a party now: those who answer for the pupil, the pupil, its mentors, and the principal."""
        found = dict.fromkeys(self.family.to_tell(), Part.GUARDIAN)
        if self.pupil.active:
            found[self.pupil.person_id] = Part.PUPIL
        return found | dict.fromkeys((*self.mentors, *self.principals), Part.STAFF)

    def may_ask_in(self, reader: UUID) -> dict[UUID, Part]:
        """Whom this reader can ask in. Only the school can ask a grown-up whose identity is protected: to the other
        home not even a line without a name says that they are there."""
        found, persons = self.may_join(), self.family.persons
        if found.get(reader) is Part.STAFF:
            return found
        return {
            one: part
            for one, part in found.items()
            if part is not Part.GUARDIAN or one == reader or not is_protected(persons.get(one))
        }

    def name(self, person_id: UUID, reader: UUID) -> str | None:
        """The name of somebody as this reader may see it: not where an identity is protected, except one's own."""
        hidden = is_protected(self.family.persons.get(person_id)) and person_id != reader
        return None if hidden else self.names.get(person_id)


def takes_part(standing: Standing, conversation: Conversation, pupil: PersonStated) -> PartyOf | None:
    """This person's part, if they are a party and still may be one; None otherwise.

    A guardian needs the right to be told now, staff a post at the pupil's school, and the pupil must be there.
    """
    mine = conversation.party(standing.person.person_id)
    if mine is None or pupil.tenant_id != standing.tenant_id:
        return None
    may = {
        Part.GUARDIAN: pupil.person_id in standing.children,
        Part.PUPIL: pupil.person_id == standing.person.person_id,
        Part.STAFF: conversation.school_id in standing.works_at and conversation.school_id in pupil.school_ids,
    }
    return mine if may[mine.part] else None


def part_of(standing: Standing, pupil: PersonStated) -> Part | None:
    """As what this person may open a conversation about the pupil; None when they may not."""
    if pupil.person_id == standing.person.person_id:
        return Part.PUPIL
    if pupil.person_id in standing.children:
        return Part.GUARDIAN
    return Part.STAFF if standing.teaches(pupil) else None


def told_at(now: datetime, zone: str, urgent: bool, opens: time, closes: time) -> datetime:
    """When the others are told: at once in the day or when it is urgent, else when the school's evening is over."""
    return now if urgent else next_allowed(now, zone, closes, opens)


def wrong(words: str, parties: Iterable[UUID], me: UUID) -> str | None:
    """Why this cannot be sent; None when it can."""
    if not words:
        return N_("Write a few words first.")
    if len(words) > LONGEST:
        return N_("This is too long for one message. Please shorten it.")
    return None if set(parties) - {me} else N_("Choose at least one person to write to.")
