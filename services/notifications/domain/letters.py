"""A letter before it is written: what decides its words, whom it goes to, and what it opens. Pure, without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.notifications.domain.digest import DigestLine
from services.notifications.mime import one_line
from shared.clock import DEFAULT_ZONE
from shared.events.notify import URGENT, Appointment, NotificationKind, subject_of
from shared.events.people import Subject
from shared.languages import Language, written_day

PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.~?=&%+-]{0,200}(#[a-z0-9-]{1,60})?")


@dataclass(frozen=True, slots=True)
class Letter:
    """What decides a letter's wording. A neutral one names no school, and has no appointment.

    `consented`: whoever gets it has no right of their own, but those who decide have agreed. `oneself`: it is about
    whoever gets it. `named`: it is to that one person by their id, as staff, or as one who has promised something.
    `breaks`: it comes in spite of quiet hours or choices, and says why. `rung`: how many ways were tried before.
    """

    kind: NotificationKind
    language: Language
    school: str
    neutral: bool
    day: date
    count: int
    consented: bool = False
    oneself: bool = False
    named: bool = False
    appointment: Appointment | None = None
    breaks: bool = False
    rung: int = 0
    digest: tuple[DigestLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom a letter goes to, and what it opens: `path` in the portal, or the message itself.

    `asked_at` is when the message was asked for, and so the same at every attempt. `person_id` is None for the school
    itself; `tenant_id` says whose own words are used.
    """

    notification_id: UUID
    delivery_id: UUID
    to: str
    now: datetime
    asked_at: datetime
    path: str | None = None
    person_id: UUID | None = None
    tenant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a letter says, before it is put into its frame. No `closing`: the usual one."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    action: str
    closing: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class LetterWords:
    """A letter on paper."""

    subject: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What one person would get: as a mail (both parts), as a text message, and on the screen of a browser."""

    subject: str
    text: str
    html: str
    short: str
    pushed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShortWords:
    """What a text message or a browser says."""

    from_school: str
    plain: str


def leavable(kind: NotificationKind) -> Subject | None:
    """The subject by which somebody may leave messages of this kind with one click; None for what always comes."""
    return None if kind in URGENT else subject_of(kind)


def opened(to: Addressed) -> str:
    """What the mail's link opens: the path, when it is one within the portal, or else the message itself."""
    return to.path if to.path and PATH.fullmatch(to.path) else f"/n/{to.notification_id}"


def safe(path: str) -> str:
    """The path, when it is one within the portal; else its first page."""
    return path if PATH.fullmatch(path) else "/"


def when(appointment: Appointment, language: Language) -> str:
    """The time as people there write it, by the clock where the school is: “Tuesday 3 November, 17:00–17:20”."""
    zone = zone_of(appointment)
    starts, ends = appointment.starts_at.astimezone(zone), appointment.ends_at.astimezone(zone)
    begins = f"{written_day(starts.date(), language)}, {starts:%H:%M}"
    if starts.date() == ends.date():
        return f"{begins}–{ends:%H:%M}"
    return f"{begins} – {written_day(ends.date(), language)}, {ends:%H:%M}"


def zone_of(appointment: Appointment) -> ZoneInfo:
    """The appointment's time zone; where it names one that does not exist, Sweden's."""
    try:
        return ZoneInfo(appointment.zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)


def place_of(letter: Letter) -> str:
    """Where the appointment is, as one line; empty when there is none."""
    return one_line(letter.appointment.place or "") if letter.appointment else ""
