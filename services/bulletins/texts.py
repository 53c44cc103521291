"""Markdown as a page, as the HTML of a mail and as plain text, all from the same tokens.

Nothing of what somebody writes becomes HTML by itself: raw HTML is shown as the letters it is, links lead to web pages
and mail addresses only, pictures are those attached to the bulletin. What is made is cleaned once more (nh3), so that
a fault in one of the two is not a hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.bulletins.domain.bulletins import parts_of
from services.bulletins.domain.editions import Edition, picture_word, titles

ATTACHED = "attachment:"
SCHEMES = {"http", "https", "mailto"}
TAGS = {
    "a",
    "p",
    "br",
    "em",
    "strong",
    "ul",
    "ol",
    "li",
    "blockquote",
    "code",
    "pre",
    "hr",
    "img",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
}
ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "loading"}, "ol": {"start"}}
REL = "noopener noreferrer nofollow"
HEADS_BELOW = 2  # a page has its title and its parts above what is written; information has no parts
OWN_FILE = re.compile(r"/bulletins/[0-9a-f-]{36}/files/[0-9a-f-]{36}")
BARE = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]'*_]")
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")  # controls, and what turns text around


@dataclass(frozen=True)
class Rendered:
    """The same words as clean HTML and as plain text."""

    html: str
    text: str


def rendered(
    markdown: str,
    bulletin_id: UUID | None = None,
    *,
    language: str = "sv",
    alts: Mapping[UUID, str] | None = None,
    below: int = HEADS_BELOW,
) -> Rendered:
    """Markdown as HTML and plain text, its headings on the levels beneath `below`.

    With `bulletin_id` a picture is an image of that bulletin's files, for its own pages; without, it is the words
    “[Picture: what it shows]”, for mails. `alts` says what pictures show whose text does not.
    """
    tokens = READER.parse(UNSEEN.sub("", markdown.replace("\r\n", "\n").replace("\r", "\n")))
    known = {str(one): alt for one, alt in (alts or {}).items()}
    _mend(tokens, _pictures(bulletin_id, picture_word(language), known), below)
    made = READER.renderer.render(tokens, READER.options, {})
    html = nh3.clean(
        made, tags=TAGS, attributes=ATTRIBUTES, attribute_filter=_only_own, url_schemes=SCHEMES, link_rel=REL
    )
    return Rendered(html.strip(), _plain(tokens))


def whole(
    kind: str, edition: Edition, bulletin_id: UUID | None = None, alts: Mapping[UUID, str] | None = None
) -> Rendered:
    """All parts of a bulletin in one language under their headings, as one."""
    heads = titles(edition.language)
    made = [
        (heads.get(part, ""), part_of(edition, part, bulletin_id, alts))
        for part in parts_of(kind)
        if edition.parts.get(part, "").strip()
    ]
    html = "\n".join((f"<h2>{head}</h2>\n" if head else "") + one.html for head, one in made)
    text = "\n\n".join((f"{head}\n\n" if head else "") + one.text for head, one in made)
    return Rendered(html, text)


def part_of(
    edition: Edition, part: str, bulletin_id: UUID | None = None, alts: Mapping[UUID, str] | None = None
) -> Rendered:
    """One part of an edition; where no heading of its own stands above it, its headings are those of the page."""
    below = HEADS_BELOW if titles(edition.language).get(part) else HEADS_BELOW - 1
    words = edition.parts.get(part, "")
    return rendered(words, bulletin_id, language=edition.language, alts=alts, below=below)


def pictures_in(markdown: str) -> list[tuple[UUID, str]]:
    """The attached pictures a text names, with what it says they show."""
    inline = [one for token in READER.parse(markdown) for one in token.children or ()]
    return [
        (found, one.content.strip())
        for one in inline
        if one.type == "image" and (found := _attachment(str(one.attrs.get("src", "")))) is not None
    ]


# Reading --------------------------------------------------------------------------------------------------------------


def _may_link(url: str) -> bool:
    """True for addresses of web pages, of mail, and of attached pictures."""
    if url.startswith(ATTACHED):
        return _attachment(url) is not None
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in SCHEMES and bool(parts.netloc if parts.scheme != "mailto" else parts.path)


def _attachment(url: str) -> UUID | None:
    try:
        return UUID(url.removeprefix(ATTACHED)) if url.startswith(ATTACHED) else None
    except ValueError:
        return None


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True})
    reader.validateLink = _may_link  # type: ignore[method-assign]
    reader.renderer.rules["picture"] = lambda tokens, at, *_: str(tokens[at].meta["html"])  # type: ignore[attr-defined]
    return reader


READER = _reader()
Picture = Callable[[UUID | None, str], tuple[str, str]]


def _pictures(bulletin_id: UUID | None, word: str, alts: Mapping[str, str]) -> Picture:
    """How a picture is shown: (HTML, text)."""

    def show(attachment_id: UUID | None, said: str) -> tuple[str, str]:
        alt = said or alts.get(str(attachment_id), "")
        words = f"[{word}: {alt}]" if alt else f"[{word}]"
        if bulletin_id is None or attachment_id is None:
            return f"<em>{_escaped(words)}</em>", words
        src = f"/bulletins/{bulletin_id}/files/{attachment_id}"
        return f'<img src="{src}" alt="{_escaped(alt)}" loading="lazy">', words

    return show


def _mend(tokens: Sequence[Token], picture: Picture, below: int) -> None:
    """Headings below the page's own, pictures as they are shown here, bare addresses as links."""
    _heads(tokens, below)
    for token in tokens:
        if token.children:
            token.children = list(_mended(token.children, picture))


def _heads(tokens: Sequence[Token], below: int) -> None:
    """The levels somebody used become those beneath `below`, none left out: a heading never jumps over a level."""
    heads = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    ranks = {tag: number for number, tag in enumerate(sorted({token.tag for token in heads}), 1)}
    last = below
    for token in heads:
        last = min(below + ranks[token.tag], last + 1, 6) if token.nesting > 0 else last
        token.tag = f"h{last}"


def _mended(inline: Sequence[Token], picture: Picture) -> Iterator[Token]:
    links = 0
    hidden: list[bool] = []  # of each open link: does it lead to an attachment, which is no address?
    for token in inline:
        if token.type == "link_open":
            hidden.append(str(token.attrs.get("href", "")).startswith(ATTACHED))
        if token.type == "image":
            yield _picture(token, picture)
        elif token.type in ("link_open", "link_close") and hidden and hidden[-1]:
            pass
        elif token.type == "text" and not links:
            yield from _linked(token)
        else:
            yield token
        links += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "link_close" and hidden:
            hidden.pop()


def _picture(token: Token, picture: Picture) -> Token:
    html, words = picture(_attachment(str(token.attrs.get("src", ""))), token.content.strip())
    return Token("picture", "", 0, content=words, meta={"html": html})


def _linked(token: Token) -> Iterator[Token]:
    """Text with the bare web addresses in it as links."""
    at = 0
    for found in BARE.finditer(token.content):
        url = READER.normalizeLink(found.group())
        if not _may_link(url):
            continue
        yield Token("text", "", 0, content=token.content[at : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": url})
        yield Token("text", "", 0, content=found.group())
        yield Token("link_close", "a", -1)
        at = found.end()
    yield Token("text", "", 0, content=token.content[at:])


def _only_own(tag: str, name: str, value: str) -> str | None:
    """Images are those of our own files; nothing is fetched from elsewhere."""
    return None if (tag, name) == ("img", "src") and not OWN_FILE.fullmatch(value) else value


def _escaped(words: str) -> str:
    return nh3.clean_text(words)


# Plain text -----------------------------------------------------------------------------------------------------------


class _Writer:
    """Writes block tokens as lines. `marks` is what stands before a line for each block that is open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.marks: list[list[str]] = []  # for each open block: what its next line begins with, and the others
        self.numbers: list[int | None] = []  # of open lists

    def open_item(self) -> None:
        number = self.numbers[-1] if self.numbers else None
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self.marks.append([mark, " " * len(mark)])

    def paragraph(self, words: str) -> None:
        for line in words.rstrip("\n").split("\n"):
            self.lines.append("".join(mark[0] for mark in self.marks) + line.strip())
            for mark in self.marks:
                mark[0] = mark[-1]

    def close_quote(self) -> None:
        self.marks.pop()
        while self.lines and not self.lines[-1].strip("> "):
            self.lines.pop()
        self.blank()

    def blank(self) -> None:
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append("".join(mark[-1] for mark in self.marks if mark[-1].startswith(">")).rstrip())


def _plain(tokens: Sequence[Token]) -> str:
    writer = _Writer()
    for token in tokens:
        _write(writer, token)
    return "\n".join(line.rstrip() for line in writer.lines).strip("\n")


def _write(writer: _Writer, token: Token) -> None:
    match token.type:
        case "inline":
            writer.paragraph(_words(token.children or ()))
        case "code_block" | "fence" | "hr":
            writer.paragraph("* * *" if token.type == "hr" else token.content)
            writer.blank()
        case "heading_close" | "paragraph_close" if not token.hidden:
            writer.blank()
        case _ if token.nesting > 0:
            _open(writer, token)
        case _ if token.nesting < 0:
            _close(writer, token)
        case _:
            pass


def _open(writer: _Writer, token: Token) -> None:
    match token.type:
        case "bullet_list_open":
            writer.numbers.append(None)
        case "ordered_list_open":
            writer.numbers.append(int(str(token.attrs.get("start", 1))))
        case "list_item_open":
            writer.open_item()
        case "blockquote_open":
            writer.marks.append(["> ", "> "])
        case _:
            pass


def _close(writer: _Writer, token: Token) -> None:
    match token.type:
        case "bullet_list_close" | "ordered_list_close":
            writer.numbers.pop()
            writer.blank()
        case "list_item_close":
            writer.marks.pop()
        case "blockquote_close":
            writer.close_quote()
        case _:
            pass


def _words(inline: Sequence[Token]) -> str:
    """A line of text: a link as “words (address)”, or the address alone where that is what the words are."""
    made: list[str] = []
    links: list[tuple[str, int]] = []
    for token in inline:
        match token.type:
            case "link_open":
                links.append((str(token.attrs["href"]), len(made)))
            case "link_close" if links:
                _close_link(made, *links.pop())
            case "softbreak" | "hardbreak":
                made.append("\n")
            case _:
                made.append(token.content)
    return "".join(made)


def _close_link(made: list[str], href: str, began: int) -> None:
    url = href.removeprefix("mailto:")
    words = "".join(made[began:])
    made[began:] = [words if words in (url, href, READER.normalizeLinkText(url)) else f"{words} ({url})"]
