"""Letters: what is written to whom. Rendered once per kind, language, school, day and time; addressed per recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from services.notifications.domain.addresses import message_id
from services.notifications.domain.invitations import Entry, calendar, method_of
from services.notifications.languages import translations
from services.notifications.mime import (
    BOUNDARY,
    OUTER,
    alternatives,
    headers,
    invitation,
    mailbox,
    one_line,
    unstructured,
)
from services.notifications.settings import NotificationsSettings
from shared.clock import DEFAULT_ZONE
from shared.events.notify import Appointment, NotificationKind
from shared.languages import LANGUAGES, Language, written_day

TEMPLATES = Path(__file__).parent / "templates"
HERE = "\x00"  # stands for what is opened in the portal; no name can hold it (shared.events.envelope.Line)
PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.~?=&%+-]{0,200}(#[a-z0-9-]{1,60})?")


@dataclass(frozen=True, slots=True)
class Letter:
    """What decides a letter's wording. A neutral one names no school, and has no appointment.

    `consented`: whoever gets it has no right of their own, but those who decide have agreed. `oneself`: it is about
    whoever gets it. `named`: it is to that one person by their id, as staff, or as one who has promised something.
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


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom a letter goes to, and what it opens: `path` in the portal, or the message itself.

    `asked_at` is when the message was asked for, and so the same at every attempt.
    """

    notification_id: UUID
    delivery_id: UUID
    to: str
    now: datetime
    asked_at: datetime
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A rendered letter that lacks only who it is for."""

    head: bytes
    text: str
    html: str
    entry: Entry | None


class Composer:
    """Writes letters whose links point to `portal_url`."""

    def __init__(self, settings: NotificationsSettings, secret: bytes, portal_url: str) -> None:
        self.settings = settings
        self.secret = secret
        self.portal = portal_url.rstrip("/")
        self.environments = {tag: environment(tag) for tag in LANGUAGES}
        self.skeleton = lru_cache(maxsize=2048)(self._render)

    def message(self, letter: Letter, to: Addressed) -> bytes:
        """The mail as it goes to the server: lines end in CRLF, all ASCII, none longer than 78 characters."""
        skeleton, opens = self.skeleton(letter), opened(to)
        addressed = {
            "To": mailbox("", to.to),
            "Date": format_datetime(to.now),
            "Message-ID": message_id(self.secret, to.delivery_id, self.settings.message_domain),
        }
        text, html = skeleton.text.replace(HERE, opens), skeleton.html.replace(HERE, escape(opens))
        if skeleton.entry:
            body = invitation(text, html, skeleton.entry.method, calendar(skeleton.entry, to.to, to.asked_at))
        else:
            body = alternatives(text, html)
        return headers(addressed) + skeleton.head + b"\r\n" + body

    def _render(self, letter: Letter) -> Skeleton:
        env = self.environments[letter.language.tag]
        context: dict[str, Any] = {
            "school": one_line(letter.school),
            "neutral": letter.neutral,
            "day": written_day(letter.day, letter.language),
            "count": letter.count,
            "consented": letter.consented,
            "oneself": letter.oneself,
            "named": letter.named,
            "when": when(letter.appointment, letter.language) if letter.appointment else "",
            "place": _place(letter),
            "video": letter.appointment is not None and letter.appointment.video,
            "language": letter.language.tag,
            "link": f"{self.portal}{HERE}",
            "portal": self.portal,
        }
        common = env.get_template("common.txt").make_module(context)
        context |= {name: getattr(common, name) for name in ("hidden", "facts", "because")}
        words = env.get_template(f"{letter.kind}.jinja").make_module(context)
        context["words"] = words
        entry = self._entry(letter, env, context)
        return Skeleton(
            head=self._head(letter, str(words.subject), entry is not None),  # type: ignore[attr-defined]
            text=env.get_template("letter.txt").render(context),
            html=env.get_template("letter.html").render(context),
            entry=entry,
        )

    def _entry(self, letter: Letter, env: SandboxedEnvironment, context: dict[str, Any]) -> Entry | None:
        """The calendar entry; its words are the same for every kind, and name nobody."""
        method = method_of(letter.kind, letter.appointment)
        if method is None or letter.appointment is None:
            return None
        words = env.get_template("entry.txt").make_module(context)
        return Entry(
            method=method,
            appointment=letter.appointment,
            summary=one_line(str(words.summary)),  # type: ignore[attr-defined]
            description=one_line(str(words.description)),  # type: ignore[attr-defined]
            location=_place(letter),
            organizer=str(self.settings.sender),
            organizer_name=one_line(f"{letter.school} via {self.settings.sender_name}"),
            domain=self.settings.message_domain,
        )

    def _head(self, letter: Letter, subject: str, with_entry: bool) -> bytes:
        kind, boundary = ("mixed", OUTER) if with_entry else ("alternative", BOUNDARY)
        return headers(
            {
                "From": self._sender(letter),
                "Subject": unstructured(subject),
                "MIME-Version": "1.0",
                "Content-Type": f'multipart/{kind}; boundary="{boundary}"',
                "Content-Language": letter.language.tag,
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
            }
        )

    def _sender(self, letter: Letter) -> str:
        settings = self.settings
        if letter.neutral:
            return mailbox(settings.neutral_sender_name, str(settings.neutral_sender or settings.sender))
        return mailbox(f"{letter.school} via {settings.sender_name}", str(settings.sender))


def opened(to: Addressed) -> str:
    """What the mail's link opens: the path, when it is one within the portal, or else the message itself."""
    return to.path if to.path and PATH.fullmatch(to.path) else f"/n/{to.notification_id}"


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


def _place(letter: Letter) -> str:
    return one_line(letter.appointment.place or "") if letter.appointment else ""


def environment(tag: str) -> SandboxedEnvironment:
    """Templates in one language. Only HTML is escaped; a name is data everywhere, whatever it looks like."""
    env = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_translations(translations(tag), newstyle=True)  # type: ignore[attr-defined]
    return env
