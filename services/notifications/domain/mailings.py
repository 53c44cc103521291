"""What goes to very many: a mailing, those it goes to, and what is to be done about each of them now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.notifications.channels.protocol import Way
from services.notifications.domain.models import Because
from shared.clock import ADULT
from shared.events.notify import DeliveryStatus, MailingKind, MailingText
from shared.events.people import How, Subject
from shared.ids import derived_id
from shared.languages import primary
from shared.roster.access import Why

SUBJECTS = {MailingKind.BULLETIN: Subject.BULLETINS, MailingKind.INFORMATION: Subject.INFORMATION}
BY_CONSENT = frozenset({Why.PUPIL_AGREED, Why.GUARDIANS_AGREED})


class MailingStatus(StrEnum):
    """The life of a mailing. It is over in the last two."""

    WAITING = "waiting"  # for its time
    SENDING = "sending"  # spread: its addressees are written down and taken in batches
    DONE = "done"  # nothing is open for anybody
    WITHDRAWN = "withdrawn"  # before it was spread


class Reason(StrEnum):
    """Why somebody gets it, as the message says."""

    GUARDIAN = "guardian"
    CONSENTED = "consented"
    ONESELF = "oneself"


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing as it is kept; the fields are those of `MailingRequested`."""

    mailing_id: UUID
    tenant_id: UUID
    school_id: UUID
    kind: MailingKind
    about_id: UUID
    author_id: UUID | None
    group_ids: tuple[UUID, ...]
    day: date
    path: str
    must_read: bool
    texts: tuple[MailingText, ...]
    send_at: datetime
    unread_of: UUID | None = None
    traceparent: str | None = None

    @property
    def subject(self) -> Subject:
        """What a home's choices call it."""
        return SUBJECTS[self.kind]


@dataclass(frozen=True, slots=True)
class Row:
    """One addressee as claimed. `due_at` is since when; `refused` are digests of addresses that refused it for good."""

    person_id: UUID
    delivery_id: UUID
    pupil_ids: tuple[UUID, ...]
    status: DeliveryStatus
    tries: int
    may_have_arrived: bool
    due_at: datetime
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Home:
    """What counts for one addressee at this moment.

    `pupils` are those it may be told about, `why` the verdict (the best, or why not). `missing`: a part of the roster
    may still be on its way. `ways` are those that are left, without a letter; on `trial` there are no letters.
    """

    pupils: tuple[UUID, ...]
    why: str
    missing: bool = False
    how: How = How.INSTANT
    not_before: datetime | None = None
    ways: tuple[Way, ...] = ()
    neutral: bool = False
    trial: bool = False


class Act(StrEnum):
    """What is to be done about an addressee now."""

    SEND = "send"
    LETTER = "letter"  # by no other way: on paper
    DIGEST = "digest"
    WAIT = "wait"  # until the quiet hours are over
    LATER = "later"  # something is missing that may come
    END = "end"  # not at all, or not any more


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, on what verdict; `until` belongs to WAIT."""

    act: Act
    why: str
    until: datetime | None = None


def decide(mailing: Mailing, home: Home, row: Row, now: datetime) -> Decision:
    """What is to be done about this addressee. A right decides first, then a wish, the hour, and the ways there are.

    What must be read goes to whoever wants nothing, too; it waits for the morning all the same. Whoever has bounced
    at every address gets a letter: every class bulletin is owed to every home.
    """
    if not home.pupils:
        return Decision(Act.LATER if home.missing else Act.END, home.why)
    if home.how is How.OFF and not mailing.must_read:
        return Decision(Act.END, Because.UNWANTED)
    if home.how is How.DIGEST and row.status is DeliveryStatus.PENDING:
        return Decision(Act.DIGEST, home.why)
    if home.not_before is not None and home.not_before > now:
        return Decision(Act.WAIT, home.why, home.not_before)
    if home.ways:
        return Decision(Act.SEND, home.why)
    return Decision(Act.LATER if home.missing else Act.LETTER, home.why)


def delivery_of(mailing_id: UUID, person_id: UUID) -> UUID:
    """The delivery of a mailing to a person: the same at every attempt."""
    return derived_id("delivery", mailing_id, person_id)


def reason_of(why: str) -> Reason:
    """What the message says about why it comes."""
    if why == Why.ONESELF:
        return Reason.ONESELF
    return Reason.CONSENTED if why in BY_CONSENT else Reason.GUARDIAN


def text_for(texts: Sequence[MailingText], wanted: Iterable[str | None]) -> int:
    """Which text somebody gets: the first in a language they want, in the order in which they want them; else 0."""
    have = [primary(text.language) for text in texts]
    return next((have.index(tag) for tag in map(primary, wanted) if tag in have), 0)


def born_by(today: date) -> date:
    """The last day of birth of those who are of age today (`shared.clock.is_of_age`)."""
    leap_day = (today.month, today.day) == (2, 29)
    return (
        date(today.year - ADULT, 2, 28)
        if leap_day and (today.year - ADULT) % 4
        else today.replace(year=today.year - ADULT)
    )
