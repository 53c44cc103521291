"""Letters: what is written to whom. Rendered once per kind, language, school and day; addressed per recipient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from services.notifications.domain.addresses import message_id
from services.notifications.languages import translations
from services.notifications.mime import BOUNDARY, alternatives, headers, mailbox, one_line, unstructured
from services.notifications.settings import NotificationsSettings
from shared.events.notify import NotificationKind
from shared.languages import LANGUAGES, Language, written_day

TEMPLATES = Path(__file__).parent / "templates"
HERE = "\x00"  # stands for the notification's id; no name can hold it (shared.events.envelope.Line)


@dataclass(frozen=True, slots=True)
class Letter:
    """What decides a letter's wording. A neutral one names no school and no place.

    `consented`: whoever gets it has no right of their own, but those who decide have agreed.
    """

    kind: NotificationKind
    language: Language
    school: str
    neutral: bool
    day: date
    count: int
    consented: bool = False


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A rendered letter that lacks only who it is for."""

    head: bytes
    text: str
    html: str


class Composer:
    """Writes letters whose links point to `portal_url`."""

    def __init__(self, settings: NotificationsSettings, secret: bytes, portal_url: str) -> None:
        self.settings = settings
        self.secret = secret
        self.link = f"{portal_url.rstrip('/')}/n/{HERE}"
        self.environments = {tag: environment(tag) for tag in LANGUAGES}
        self.skeleton = lru_cache(maxsize=2048)(self._render)

    def message(self, letter: Letter, notification_id: UUID, delivery_id: UUID, to: str, now: datetime) -> bytes:
        """The mail as it goes to the server: lines end in CRLF, all ASCII, none longer than 78 characters."""
        skeleton, link = self.skeleton(letter), str(notification_id)
        addressed = {
            "To": mailbox("", to),
            "Date": format_datetime(now),
            "Message-ID": message_id(self.secret, delivery_id, self.settings.message_domain),
        }
        body = alternatives(skeleton.text.replace(HERE, link), skeleton.html.replace(HERE, link))
        return headers(addressed) + skeleton.head + b"\r\n" + body

    def _render(self, letter: Letter) -> Skeleton:
        env = self.environments[letter.language.tag]
        context: dict[str, Any] = {
            "school": one_line(letter.school),
            "neutral": letter.neutral,
            "day": written_day(letter.day, letter.language),
            "count": letter.count,
            "consented": letter.consented,
            "language": letter.language.tag,
            "link": self.link,
        }
        words = env.get_template(f"{letter.kind}.jinja").make_module(context)
        context["words"] = words
        return Skeleton(
            head=self._head(letter, str(words.subject)),  # type: ignore[attr-defined]
            text=env.get_template("letter.txt").render(context),
            html=env.get_template("letter.html").render(context),
        )

    def _head(self, letter: Letter, subject: str) -> bytes:
        return headers(
            {
                "From": self._sender(letter),
                "Subject": unstructured(subject),
                "MIME-Version": "1.0",
                "Content-Type": f'multipart/alternative; boundary="{BOUNDARY}"',
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
