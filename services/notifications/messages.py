"""Letters: what is written to whom. Rendered once per kind, language, school, day and time; addressed per recipient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from services.notifications.dkim_signing import sign
from services.notifications.domain.addresses import message_id
from services.notifications.domain.digest import DigestLine, grouped
from services.notifications.domain.invitations import Entry, calendar, method_of
from services.notifications.domain.letters import (
    PATH,
    Addressed,
    Letter,
    LetterWords,
    Preview,
    ShortWords,
    Words,
    leavable,
    opened,
    place_of,
    safe,
    when,
)
from services.notifications.domain.lists import list_headers
from services.notifications.domain.short import shortest_of
from services.notifications.domain.wordings import TO_BOTH, Wording, filled
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
from shared.events.notify import URGENT, NotificationKind
from shared.events.people import Channel
from shared.languages import LANGUAGES, written_day
from shared.links import Leaving, Links

__all__ = ["PATH", "Addressed", "Composer", "Letter", "LetterWords", "Overrides", "Preview", "Words"]

TEMPLATES = Path(__file__).parent / "templates"
HERE = "\x00"  # stands for what is opened in the portal; no name can hold it (shared.events.envelope.Line)
SETTINGS = "/preferences"  # at the portal: how somebody is told


class Overrides(Protocol):
    """A municipality's own words, as they are known at this moment."""

    def of(self, tenant_id: UUID | None, kind: NotificationKind, tag: str) -> Wording | None:
        """The words in force; None for the built-in ones."""
        ...

    async def fresh(self) -> None:
        """Read them again when they are older than they may be. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A rendered letter that lacks only who it is for."""

    head: bytes
    text: str
    html: str
    entry: Entry | None


class Composer:
    """Writes letters whose links point to `portal_url`.

    Without `links` no mail says how to unsubscribe with one click; without `overrides` all words are the built-in ones.
    """

    def __init__(
        self,
        settings: NotificationsSettings,
        secret: bytes,
        portal_url: str,
        links: Links | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        self.settings = settings
        self.secret = secret
        self.portal = portal_url.rstrip("/")
        self.links = links
        self.overrides = overrides
        self.environments = {tag: environment(tag) for tag in LANGUAGES}
        self.skeleton = lru_cache(maxsize=2048)(self._render)

    async def ready(self) -> None:
        """Before a batch: know the municipalities' own words as they are now (at most five seconds old)."""
        if self.overrides:
            await self.overrides.fresh()

    def written(self, channel: Channel, letter: Letter, to: Addressed) -> bytes:
        """The message as this channel carries it. Raises ValueError for a channel that carries no bytes of ours."""
        match channel:
            case Channel.EMAIL | Channel.SIMULATED:
                return self.message(letter, to)
            case Channel.SMS:
                return self.short(letter, to).encode()
            case Channel.PUSH:
                return json.dumps(self.pushed(letter, to), ensure_ascii=False).encode()
            case Channel.LETTER:
                raise ValueError("a letter on paper is written when it is printed: letter_words")

    def message(self, letter: Letter, to: Addressed) -> bytes:
        """The mail as it goes to the server: lines end in CRLF, all ASCII, none longer than 78 characters."""
        skeleton, opens = self._skeleton(letter, to.tenant_id), opened(to)
        addressed = {
            "To": mailbox("", to.to),
            "Date": format_datetime(to.now),
            "Message-ID": message_id(self.secret, to.delivery_id, self.settings.message_domain),
            **self._leaving(letter, to),
        }
        text, html = skeleton.text.replace(HERE, opens), skeleton.html.replace(HERE, escape(opens))
        if skeleton.entry:
            body = invitation(text, html, skeleton.entry.method, calendar(skeleton.entry, to.to, to.asked_at))
        else:
            body = alternatives(text, html)
        return sign(headers(addressed) + skeleton.head + b"\r\n" + body, self.settings)

    def short(self, letter: Letter, to: Addressed) -> str:
        """A text message: that there is something to read, and the link at its end. No name, no matter.

        In one part where that can be: without the school's name when it is long or has characters that cost more.
        """
        said, link = self._short_words(letter), f"{self.portal}{opened(to)}"
        bare = f"{self.portal}/n/{to.notification_id}"
        texts = [f"{said.from_school} {link}", f"{said.plain} {link}", f"{said.plain} {bare}"]
        return shortest_of(texts if letter.school and not letter.neutral else texts[1:])

    def pushed(self, letter: Letter, to: Addressed) -> dict[str, str]:
        """What a browser shows, on a locked screen as well. A later state of the same message takes its place."""
        title = self.settings.neutral_sender_name if letter.neutral else letter.school or self.settings.sender_name
        return {
            "title": one_line(title),
            "body": self._short_words(letter).plain,
            "url": f"{self.portal}{opened(to)}",
            "tag": str(to.notification_id),
        }

    def letter_words(self, letter: Letter, tenant_id: UUID | None = None) -> LetterWords:
        """What is printed for somebody who is reached on paper."""
        words = self.words(letter, tenant_id)
        env, context = self._context(letter)
        last = env.get_template("paper.txt").make_module(context)
        return LetterWords(words.subject, (*words.paragraphs, str(last.paper), words.reason))  # type: ignore[attr-defined]

    def preview(self, letter: Letter, to: Addressed, wording: Wording | None = None) -> Preview:
        """What somebody would get in every way, with this wording (a neutral letter never has one)."""
        skeleton, opens = self._render(letter, None if letter.neutral else wording), opened(to)
        words = self._worded(letter, None if letter.neutral else wording)
        return Preview(
            subject=one_line(words.subject),
            text=skeleton.text.replace(HERE, opens),
            html=skeleton.html.replace(HERE, escape(opens)),
            short=self.short(letter, to),
            pushed=self.pushed(letter, to),
        )

    def words(self, letter: Letter, tenant_id: UUID | None = None) -> Words:
        """What the letter says: the municipality's own words where it has any that fit, else the built-in ones."""
        return self._worded(letter, self._override(letter, tenant_id))

    def _skeleton(self, letter: Letter, tenant_id: UUID | None) -> Skeleton:
        """A digest is one person's own, and not kept."""
        render = self._render if letter.digest else self.skeleton
        return render(letter, self._override(letter, tenant_id))

    def _override(self, letter: Letter, tenant_id: UUID | None) -> Wording | None:
        """A neutral letter never has words of a place, and staff get their own words of a talk."""
        if self.overrides is None or letter.neutral or (letter.named and letter.kind in TO_BOTH):
            return None
        return self.overrides.of(tenant_id, letter.kind, letter.language.tag)

    def _leaving(self, letter: Letter, to: Addressed) -> dict[str, str]:
        """How to leave with one click. A neutral mail has none of it: the list's name would say what it is about."""
        subject = None if letter.neutral else leavable(letter.kind)
        if subject is None or to.person_id is None or self.links is None:
            return {}
        token = self.links.leaving(Leaving(to.person_id, subject))
        return list_headers(subject, token, self.portal, self.settings.list_id)

    def _context(self, letter: Letter) -> tuple[SandboxedEnvironment, dict[str, Any]]:
        env = self.environments[letter.language.tag]
        context: dict[str, Any] = {
            "kind": str(letter.kind),
            "school": one_line(letter.school),
            "neutral": letter.neutral,
            "day": written_day(letter.day, letter.language),
            "count": len(letter.digest) or letter.count,
            "consented": letter.consented,
            "oneself": letter.oneself,
            "named": letter.named,
            "breaks": letter.breaks,
            "urgent": letter.kind in URGENT,
            "rung": letter.rung,
            "when": when(letter.appointment, letter.language) if letter.appointment else "",
            "place": place_of(letter),
            "video": letter.appointment is not None and letter.appointment.video,
            "language": letter.language.tag,
            "link": f"{self.portal}{HERE}",
            "portal": self.portal,
        }
        common = env.get_template("common.txt").make_module(context)
        return env, context | {name: getattr(common, name) for name in ("hidden", "facts", "because", "breaking")}

    def _worded(self, letter: Letter, override: Wording | None) -> Words:
        env, context = self._context(letter)
        said = env.get_template(f"{letter.kind}.jinja").make_module(context)
        closing = getattr(said, "closing", None)
        built_in = Words(
            subject=str(said.subject),  # type: ignore[attr-defined]
            heading=str(said.heading),  # type: ignore[attr-defined]
            paragraphs=tuple(str(one) for one in said.paragraphs),  # type: ignore[attr-defined]
            action=str(said.action),  # type: ignore[attr-defined]
            closing=str(closing) if closing is not None else None,
            reason=str(said.reason),  # type: ignore[attr-defined]
        )
        values = {name: str(context[name]) for name in ("school", "day", "count", "when", "place")}
        own = filled(override, values) if override else None
        words = replace(built_in, subject=own.subject, paragraphs=own.paragraphs) if own else built_in
        return replace(words, paragraphs=(*words.paragraphs, *context["breaking"]))

    def _render(self, letter: Letter, override: Wording | None = None) -> Skeleton:
        env, context = self._context(letter)
        words = self._worded(letter, override)
        choosable = letter.kind is NotificationKind.DIGEST or (not letter.neutral and leavable(letter.kind) is not None)
        context |= {
            "words": words,
            "groups": self._groups(letter),
            "settings": f"{self.portal}{SETTINGS}" if choosable else "",
        }
        entry = self._entry(letter, env, context)
        return Skeleton(
            head=self._head(letter, words.subject, entry is not None),
            text=env.get_template("letter.txt").render(context),
            html=env.get_template("letter.html").render(context),
            entry=entry,
        )

    def _groups(self, letter: Letter) -> Sequence[tuple[str, Sequence[tuple[str, str, str]]]]:
        """The lines of a digest under their schools: (title, day, link). A neutral one shows none."""
        lines = () if letter.neutral else letter.digest
        return [(one_line(school), [self._line(letter, one) for one in under]) for school, under in grouped(lines)]

    def _line(self, letter: Letter, line: DigestLine) -> tuple[str, str, str]:
        return self._title(letter, line), written_day(line.day, letter.language), f"{self.portal}{safe(line.path)}"

    def _title(self, letter: Letter, line: DigestLine) -> str:
        """What a line is called: by its own title, else by the heading of its kind."""
        if title := line.title(letter.language.tag):
            return one_line(title)
        if line.kind not in set(NotificationKind):
            return self._short_words(letter).plain
        plain = Letter(NotificationKind(line.kind), letter.language, line.school, False, line.day, 1)
        return self._worded(plain, None).heading

    def _short_words(self, letter: Letter) -> ShortWords:
        env, context = self._context(letter)
        said = env.get_template("short.txt").make_module(context)
        return ShortWords(str(said.from_school), str(said.plain))  # type: ignore[attr-defined]

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
            location=place_of(letter),
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
