"""What a mailing looks like. Made once for each mailing, language and reason; only ids and classes differ after that.

Building an `EmailMessage` for each recipient costs ten times what sending it does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from typing import Any
from uuid import UUID

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from markupsafe import Markup

from services.notifications.dkim_signing import sign
from services.notifications.domain.addresses import message_id
from services.notifications.domain.letters import PATH
from services.notifications.domain.lists import list_headers
from services.notifications.domain.mailings import Mailing, Reason
from services.notifications.languages import translations
from services.notifications.mailings.pieces import Pieces, Slot, in_pieces, put_in, token, without_slots
from services.notifications.messages import environment
from services.notifications.mime import BOUNDARY, WORD_BYTES, headers, mailbox, one_line, unstructured
from services.notifications.settings import NotificationsSettings
from shared.events.notify import MailingKind
from shared.languages import LANGUAGES, N_
from shared.links import Leaving, Links, Reading

LARGEST_HTML = 80_000  # bytes; Gmail cuts a mail off at 102 kB, with the frame and its links
KEPT_FRAMES, KEPT_EDITIONS = 64, 1024
FROM_CLASS, FROM_CLASSES = N_("From the class %(classes)s"), N_("From the classes %(classes)s")
FOR_CLASS, FOR_CLASSES = N_("For those with a child in %(classes)s"), N_("For those with children in %(classes)s")


@dataclass(frozen=True, slots=True)
class Look:
    """What a frame depends on. `text` is which of the mailing's texts, `language` one of ours, for the words around it.

    A neutral one names nothing.
    """

    mailing_id: UUID
    text: int
    language: str
    reason: Reason
    neutral: bool
    school: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """A mail that lacks only who it is to. `leaves`: it can be unsubscribed from."""

    head: bytes
    pieces: Pieces
    leaves: bool


@dataclass(frozen=True, slots=True)
class To:
    """Whom one mail is to."""

    person_id: UUID
    delivery_id: UUID
    address: str


class Press:
    """Makes mails whose links lead to `portal_url`. Without `links` they have none that work without logging in."""

    def __init__(self, settings: NotificationsSettings, secret: bytes, portal_url: str, links: Links | None) -> None:
        self.settings = settings
        self.secret = secret
        self.portal = portal_url.rstrip("/")
        self.links = links
        self.signs = settings.dkim_key is not None
        self.environments = {tag: environment(tag) for tag in LANGUAGES}
        self._frames: dict[tuple[UUID, Look], Edition] = {}
        self._editions: dict[tuple[Look, tuple[str, ...]], Edition] = {}

    def mail(self, mailing: Mailing, look: Look, classes: tuple[str, ...], to: To, now: datetime) -> bytes:
        """The mail as it goes to the server: CRLF, all ASCII, signed where there is a key."""
        edition = self.edition(mailing, look, classes)
        links = None if look.neutral else self.links
        named = links.reading(Reading(mailing.about_id, to.person_id)) if links else ""
        leave = links.leaving(Leaving(to.person_id, mailing.subject)) if links and edition.leaves else ""
        tokens = {Slot.READ: token(named), Slot.LEAVE: token(leave)}
        ids = (
            f"To: {to.address}\r\nDate: {stamp(now.replace(microsecond=0))}\r\n"
            f"Message-ID: {message_id(self.secret, to.delivery_id, self.settings.message_domain)}\r\n"
        )
        if not look.neutral:
            subject = mailing.subject
            listed = list_headers(subject, leave or None, self.portal, self.settings.list_id)
            ids += "".join(f"{name}: {value}\r\n" for name, value in listed.items())
        body = [tokens[piece] if isinstance(piece, Slot) else piece for piece in edition.pieces]
        whole = b"".join([ids.encode("ascii"), edition.head, b"\r\n", *body])
        return sign(whole, self.settings) if self.signs else whole

    def text_message(self, mailing: Mailing, look: Look) -> bytes:
        """What goes as a text message: that there is something to read, and where."""
        return str(self._short(mailing, look).short).encode()

    def notice(self, mailing: Mailing, look: Look) -> bytes:
        """What a browser shows (`channels/push.py`)."""
        words = self._short(mailing, look)
        url, tag = self._opens(mailing), mailing.about_id.hex
        return json.dumps({"title": str(words.title), "body": str(words.body), "url": url, "tag": tag}).encode()

    def _short(self, mailing: Mailing, look: Look) -> Any:
        context = {"school": one_line(look.school), "neutral": look.neutral, "link": self._opens(mailing)}
        return self.environments[look.language].get_template("mailing_short.jinja").make_module(context)

    def _opens(self, mailing: Mailing) -> str:
        return self.portal + (mailing.path if PATH.fullmatch(mailing.path) else "/")

    def edition(self, mailing: Mailing, look: Look, classes: tuple[str, ...]) -> Edition:
        """The frame with its classes; kept, as many as a large school has classes and languages."""
        found = self._editions.get((look, classes))
        if found is None:
            if len(self._editions) >= KEPT_EDITIONS:
                self._editions.clear()
            found = self._editions[look, classes] = self._with_classes(mailing, look, classes)
        return found

    def _with_classes(self, mailing: Mailing, look: Look, classes: tuple[str, ...]) -> Edition:
        frame = self._frames.get((mailing.mailing_id, look))
        if frame is None:
            if len(self._frames) >= KEPT_FRAMES:
                self._frames.clear()
            frame = self._frames[mailing.mailing_id, look] = self._frame(mailing, look)
        if look.neutral:
            return frame
        sender = headers({"From": self._sender(look, classes)})
        about = about_line(mailing.kind, classes, look.language)
        # The plain text comes first and the HTML after it; only there the name of a class is escaped.
        plain, html = _parted(frame.pieces)
        pieces = (*put_in(plain, Slot.ABOUT, about), *put_in(html, Slot.ABOUT, escape(about)))
        return Edition(sender + frame.head, pieces, frame.leaves)

    def _frame(self, mailing: Mailing, look: Look) -> Edition:
        if look.neutral:
            return self._hidden(mailing, look)
        env, text = self.environments[look.language], mailing.texts[look.text]
        leaves = self.links is not None and not mailing.must_read
        html, cut = fitted(without_slots(text.html), without_slots(text.text))
        subject = one_line(text.subject)
        context = {
            "subject": subject,
            "text": without_slots(text.text).strip(),
            "html": Markup(html),  # noqa: S704 - clean already where it was written (services/bulletins/texts.py)
            "cut": cut,
            "school": one_line(look.school),
            "about": Slot.ABOUT.value,
            "reason": look.reason.value,
            "must_read": mailing.must_read,
            "unread": mailing.unread_of is not None,
            "language": look.language,
            "text_language": text.language,
            "direction": direction(text.language),
            "link": self._opens(mailing),
            "confirm": f"{self.portal}/bulletins/read/{Slot.READ.value}" if self.links else "",
            "leave": f"{self.portal}/unsubscribe/{Slot.LEAVE.value}" if leaves else "",
        }
        template = env.get_template("mailing.txt")
        context["words"] = template.make_module(context)
        plain, rich = template.render(context), env.get_template("mailing.html").render(context)
        return Edition(_head(subject, look.language), _body(plain, rich), leaves)

    def _hidden(self, mailing: Mailing, look: Look) -> Edition:
        env, settings = self.environments[look.language], self.settings
        context: dict[str, Any] = {
            "language": look.language,
            "link": self._opens(mailing),
            "groups": (),
            "settings": "",
        }
        words = context["words"] = env.get_template("mailing_hidden.jinja").make_module(context)
        sender = mailbox(settings.neutral_sender_name, str(settings.neutral_sender or settings.sender))
        plain, rich = (env.get_template(f"letter.{end}").render(context) for end in ("txt", "html"))
        head = headers({"From": sender}) + _head(str(words.subject), look.language)  # type: ignore[attr-defined]
        return Edition(head, _body(plain, rich), leaves=False)

    def _sender(self, look: Look, classes: tuple[str, ...]) -> str:
        """“Anna Ek, 5A via Skolbro”; a name that does not fit into one encoded word is left out, then the class."""
        via = f"via {self.settings.sender_name}"
        whom, which = one_line(look.author or look.school), one_line(", ".join(classes))
        names = (f"{whom}, {which} {via}", f"{whom} {via}") if which else (f"{whom} {via}",)
        fits = (name for name in names if len(name.encode()) <= WORD_BYTES)
        return mailbox(next(fits, names[-1]), str(self.settings.sender))


def about_line(kind: MailingKind, classes: tuple[str, ...], language: str) -> str:
    """“From the classes 5A and 7B”: whom it concerns, by class and never by a child's name."""
    if not classes:
        return ""
    one, several = (FROM_CLASS, FROM_CLASSES) if kind is MailingKind.BULLETIN else (FOR_CLASS, FOR_CLASSES)
    words = translations(language).gettext(one if len(classes) == 1 else several)
    names = [one_line(name) for name in classes]
    return words % {"classes": format_list(names, locale=LANGUAGES[language].locale)}


def fitted(html: str, text: str) -> tuple[str, bool]:
    """The text as HTML, and whether it had to be cut: then it is the plain text's first paragraphs."""
    if len(html.encode()) <= LARGEST_HTML:
        return html, False
    paragraphs, room = [], LARGEST_HTML
    for paragraph in text.split("\n\n"):
        made = f"<p>{escape(paragraph)}</p>\n"
        room -= len(made.encode())
        if room < 0:
            break
        paragraphs.append(made)
    return "".join(paragraphs), True


@lru_cache(maxsize=256)
def direction(tag: str) -> str:
    """Which way a language is written: `ltr` or `rtl`."""
    try:
        return Locale.parse(tag, sep="-").text_direction
    except (UnknownLocaleError, ValueError):
        return "ltr"


@lru_cache(maxsize=16)
def stamp(now: datetime) -> str:
    """The Date of a mail."""
    return format_datetime(now)


def _head(subject: str, language: str) -> bytes:
    return headers(
        {
            "Subject": unstructured(subject),
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/alternative; boundary="{BOUNDARY}"',
            "Content-Language": language,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        }
    )


def _body(plain: str, rich: str) -> Pieces:
    return (
        _start("plain"),
        *in_pieces(plain),
        _start("html"),
        *in_pieces(rich),
        f"--{BOUNDARY}--\r\n".encode(),
    )


def _start(subtype: str) -> bytes:
    kind = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return f"--{BOUNDARY}\r\n{kind}".encode()


def _parted(pieces: Pieces) -> tuple[Pieces, Pieces]:
    """The pieces of the plain text, and those of the HTML."""
    middle = pieces.index(_start("html"))
    return pieces[:middle], pieces[middle:]
