"""A municipality's own words for a message: what may be written, and how it is filled in.

Only text and a few names in double braces are allowed. There is nothing to run: no condition, no filter, no call. The
link, the reason why somebody gets the message, the calendar entry and the frame stay Skolbro's, so that a message can
always be known for what it is; and no link of anybody else's stands in it, so that nobody learns to follow such links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from services.notifications.domain.models import ABOUT_MEETINGS, ABOUT_TALKS, NOTICES
from services.notifications.mime import one_line
from shared.events.notify import NotificationKind
from shared.languages import N_

SUBJECT_LENGTH, BODY_LENGTH, PARAGRAPHS = 120, 3000, 12  # characters, characters, and how many of them
OURS = frozenset({NotificationKind.DIGEST, NotificationKind.STILL_UNREAD})  # made of other messages
WORDED = tuple(kind for kind in NotificationKind if kind not in OURS)
# These go to staff in other words than to homes; only what goes to homes may be worded anew:
TO_BOTH = ABOUT_TALKS | ABOUT_MEETINGS
UNTIMED = frozenset({NotificationKind.TALK_WISHES, NotificationKind.TALK_TO_READ})
COUNTED = frozenset({NotificationKind.LESSONS_UNREPORTED, NotificationKind.TALKS_LACKING})
OF_A_DAY = (
    NOTICES
    | COUNTED
    | {
        NotificationKind.ABSENCE_RETRACTION,
        NotificationKind.BULLETIN_DUE,
        NotificationKind.BULLETIN_LATE,
    }
)
NAMES = {
    "school": N_("the school’s name"),
    "day": N_("the day it is about, for example Monday 23 November"),
    "count": N_("how many it is about"),
    "when": N_("the time of the appointment"),
    "place": N_("where it is"),
}
LINK = re.compile(
    r"://|\b(?:https?|ftps?|mailto|tel|data|javascript):|\bwww\.|\b[\w-]+\.(?:se|no|com|net|org|eu|info|nu|io|app)\b",
    re.IGNORECASE,
)
EMPTY = N_("Write both a subject and a text.")
LONG_SUBJECT = N_("The subject is too long. Keep to 120 characters.")
LONG_BODY = N_("The text is too long. Keep to 3,000 characters and 12 paragraphs.")
LINKED = N_(
    "Leave out addresses of pages and of mail. The message has its own link, so that people learn to trust no other."
)
UNREADABLE = N_("The double braces cannot be read. Write a name between two opening and two closing braces.")
NOT_ALLOWED = N_("Only the names in the list may stand between double braces: no sums, conditions or other commands.")
UNKNOWN = N_("One of the names between double braces is not in the list for this message.")
ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of a municipality's words for a kind of message in one language."""

    subject: str
    body: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Worded:
    """The words of one message, filled in."""

    subject: str
    paragraphs: tuple[str, ...]


def names_for(kind: NotificationKind) -> tuple[str, ...]:
    """Which names may stand in the words of this kind."""
    timed = kind in TO_BOTH and kind not in UNTIMED
    found = {"school": True, "day": kind in OF_A_DAY, "count": kind in COUNTED, "when": timed, "place": timed}
    return tuple(name for name, holds in found.items() if holds)


def problem(kind: NotificationKind, subject: str, body: str) -> str | None:
    """What is wrong with these words, as an English sentence for whoever wrote them; None when they may be used."""
    if not subject.strip() or not paragraphs_of(body):
        return EMPTY
    if len(subject) > SUBJECT_LENGTH:
        return LONG_SUBJECT
    if len(body) > BODY_LENGTH or len(paragraphs_of(body)) > PARAGRAPHS:
        return LONG_BODY
    if LINK.search(subject) or LINK.search(body):
        return LINKED
    allowed = names_for(kind)
    found = (_problem_in(text, allowed) for text in (subject, *paragraphs_of(body)))
    return next((one for one in found if one), None)


def filled(wording: Wording, values: Mapping[str, str]) -> Worded | None:
    """The words with these values, which are data whatever they look like.

    None where they cannot be filled in: a name in them has no value in this message (a talk without a place), or they
    are not what may be written. Then the built-in words are used.
    """
    try:
        subject = _filled(wording.subject, values)
        paragraphs = tuple(_filled(one, values) for one in paragraphs_of(wording.body))
    except (_NoValueError, TemplateSyntaxError):
        return None
    return Worded(subject, paragraphs)


def paragraphs_of(body: str) -> tuple[str, ...]:
    """The paragraphs, each one line of printable characters; an empty line stands between two of them."""
    parts = re.split(r"\n[ \t]*\n", body.replace("\r\n", "\n").replace("\r", "\n"))
    return tuple(line for part in parts if (line := one_line(part)))


class _NoValueError(ValueError):
    """A name has no value in this message."""


def _problem_in(text: str, allowed: tuple[str, ...]) -> str | None:
    if "{%" in text or "{#" in text:
        return NOT_ALLOWED
    try:
        used = list(_names(text))
    except TemplateSyntaxError:
        return UNREADABLE
    if None in used:
        return NOT_ALLOWED
    return UNKNOWN if set(used) - set(allowed) else None


def _names(text: str) -> Iterator[str | None]:
    """The names a text asks for; None for anything else than a name."""
    for statement in ENVIRONMENT.parse(text).body:
        for part in statement.nodes if isinstance(statement, nodes.Output) else [statement]:
            if not isinstance(part, nodes.TemplateData):
                yield part.name if isinstance(part, nodes.Name) else None


def _filled(text: str, values: Mapping[str, str]) -> str:
    template, used = _template(text)
    if used is None or any(not values.get(name) for name in used):
        raise _NoValueError
    return one_line(template.render({name: values[name] for name in used}))


@lru_cache(maxsize=1024)
def _template(text: str) -> tuple[Template, tuple[str, ...] | None]:
    """The template, and its names; None for the names when it holds anything else."""
    used = (None,) if "{%" in text or "{#" in text else tuple(_names(text))
    named = tuple(name for name in used if name is not None)
    return ENVIRONMENT.from_string(text), named if len(named) == len(used) else None
