"""A bulletin as a PDF: A4, set in Source Sans, with its pictures; the same bytes for the same content.

Only draws; the words come in the language of the bulletin. What the typeface has no signs for (Arabic, Chinese and so
on) is not made up: it is shown as […] with a line that says so and where the text stands in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from uuid import UUID

from markdown_it.token import Token
from PIL import Image

from services.bulletins.texts import ATTACHED, READER, UNSEEN
from shared.pdf import BRIDGE, INK, LINE, MARGIN, QUIET, WITH_ITALICS, Document

INDENT, HIGHEST = 7, 110  # mm
SIZE, HEIGHT = 11, 5.8  # points, mm


@dataclass(frozen=True)
class Picture:
    """A picture's bytes, and what it shows."""

    content: bytes
    alt: str


@dataclass(frozen=True)
class BulletinPaper:
    """What stands on the paper: `parts` are (heading, Markdown). `page_of` is a pattern with %(page)s and %(pages)s."""

    language: str
    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    parts: Sequence[tuple[str, str]]
    page_of: str
    unprintable: str
    at: datetime
    pictures: Mapping[UUID, Picture] = field(default_factory=dict)
    picture_word: str = ""


def bulletin_pdf(paper: BulletinPaper) -> bytes:
    """The paper as a PDF file. The same paper gives the same bytes: no clock is asked."""
    pdf = _Paper(paper)
    pdf.add_page()
    pdf.head()
    named: set[UUID] = set()
    for title, markdown in paper.parts:
        if title:
            pdf.heading(title, 1)
        pdf.blocks(READER.parse(UNSEEN.sub("", markdown.replace("\r\n", "\n"))), named)
    for one, picture in paper.pictures.items():
        if one not in named:
            pdf.picture(picture)
    if pdf.left_out:
        pdf.quietly(paper.unprintable)
    return bytes(pdf.output())


def printable(text: str) -> str:
    """The text as the typeface can show it: signs it lacks come without their accents, or as […]."""
    return WITH_ITALICS.printable(text)


class _Paper(Document):
    def __init__(self, paper: BulletinPaper) -> None:
        super().__init__(WITH_ITALICS, paper.at, paper.title, paper.language)
        self.paper = paper
        self.lists: list[int | None] = []  # of open lists: the next number
        self.quotes = 0
        self.c_margin = 0  # words and pictures begin on one line

    def footer(self) -> None:
        """The number of the page, of how many."""
        self.set_y(-15)
        self.set_x(MARGIN)
        self.ink(9, QUIET)
        words = printable(self.paper.page_of % {"page": self.page_no(), "pages": "{pages}"})
        self.cell(self.w - 2 * MARGIN, 5, words, align="R")

    def head(self) -> None:
        self.ink(22, INK, "B")
        self.lines(self.paper.title, 9)
        self.ink(12, QUIET)
        self.lines(self.paper.lead, 6)
        self.ln(3)
        for name, value in self.paper.facts:
            self.ink(10.5, QUIET)
            self.cell(38, 6, self.said(name))
            self.ink(10.5, INK)
            self.lines(value, 6)

    def heading(self, text: str, level: int) -> None:
        self.ln(6 if level == 1 else 3)
        if self.will_page_break(24):
            self.add_page()
        self.ink(14 if level == 1 else 12, BRIDGE if level == 1 else INK, "B")
        self.start_section(printable(text), level=level - 1)
        self.lines(text, 7)
        self.ln(1)

    def blocks(self, tokens: Sequence[Token], named: set[UUID]) -> None:
        """Draw what a text is made of, one block after the other; `named` gathers the pictures it shows."""
        heading = 0
        for token in tokens:
            match token.type:
                case "heading_open":
                    heading = 2
                case "heading_close":
                    heading = 0
                case "inline" if heading:
                    self.heading(_plain(token.children or ()), heading)
                case "inline":
                    self._paragraph(token.children or (), named)
                case "code_block" | "fence":
                    self._paragraph([Token("text", "", 0, content=token.content.rstrip())], named)
                case "hr":
                    self._rule()
                case _:
                    self._block(token)

    def picture(self, picture: Picture) -> None:
        """A picture as wide as the text at most, with what it shows under it."""
        with Image.open(BytesIO(picture.content)) as opened:
            width, height = opened.size
        room = self.w - self.l_margin - self.r_margin
        wide = min(room, HIGHEST * width / max(height, 1))
        self.ln(2)
        if self.will_page_break(wide * height / max(width, 1) + 8):
            self.add_page()
        self.image(BytesIO(picture.content), w=wide, alt_text=printable(picture.alt) or None)
        self.ln(1)
        if picture.alt:
            self.ink(9, QUIET)
            self.lines(picture.alt, 4.5)
        self.ln(2)

    def _block(self, token: Token) -> None:
        """Begin or end a list, an item or a quotation."""
        match token.type:
            case "bullet_list_open":
                self._indent(1, None)
            case "ordered_list_open":
                self._indent(1, int(str(token.attrs.get("start", 1))))
            case "bullet_list_close" | "ordered_list_close":
                self._indent(-1)
            case "blockquote_open" | "blockquote_close":
                self.quotes += token.nesting
                self._move(token.nesting)
            case "list_item_open":
                self._item()

    def _indent(self, by: int, number: int | None = None) -> None:
        self._move(by)
        if by > 0:
            self.lists.append(number)
        else:
            self.lists.pop()
            self.ln(1.5)

    def _move(self, by: int) -> None:
        self.set_left_margin(self.l_margin + by * INDENT)
        self.set_x(self.l_margin)

    def _item(self) -> None:
        number = self.lists[-1]
        mark = "•" if number is None else f"{number}."
        if number is not None:
            self.lists[-1] = number + 1
        if self.will_page_break(HEIGHT):
            self.add_page()
        self.ink(SIZE, QUIET)
        self.set_x(self.l_margin - INDENT)
        self.cell(INDENT, HEIGHT, mark)

    def _paragraph(self, inline: Sequence[Token], named: set[UUID]) -> None:
        shown: list[Picture] = []
        began = self.x, self.y
        for words, style, href in _runs(inline, self.paper, named, shown):
            self.ink(SIZE, QUIET if self.quotes else (BRIDGE if href else INK), style)
            self.write(HEIGHT, self.said(words), href)
        if (self.x, self.y) != began:
            self.ln(HEIGHT if self.lists else HEIGHT + 2.2)
        for one in shown:
            self.picture(one)

    def _rule(self) -> None:
        self.ln(2)
        self.set_draw_color(*LINE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(4)


def _runs(
    inline: Sequence[Token], paper: BulletinPaper, named: set[UUID], shown: list[Picture]
) -> Iterator[tuple[str, str, str]]:
    """The words of a paragraph, with the style and the address of each; its pictures come after it."""
    strong = soft = 0
    href = ""
    for token in inline:
        match token.type:
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "em_open" | "em_close":
                soft += token.nesting
            case "link_open":
                href = str(token.attrs.get("href", ""))
                href = "" if href.startswith(ATTACHED) else href
            case "link_close":
                href = ""
            case "softbreak" | "hardbreak":
                yield "\n", "", ""
            case "image":
                yield from _image(token, paper, named, shown)
            case _:
                yield token.content, ("B" if strong else "") + ("I" if soft else ""), href


def _image(
    token: Token, paper: BulletinPaper, named: set[UUID], shown: list[Picture]
) -> Iterator[tuple[str, str, str]]:
    """A picture of the bulletin's own is kept to be drawn; of any other only what it shows is said."""
    one, alt = _attachment(token), token.content.strip()
    if one is None or one not in paper.pictures:
        yield f"[{paper.picture_word}: {alt}]" if alt else f"[{paper.picture_word}]", "I", ""
        return
    named.add(one)
    shown.append(Picture(paper.pictures[one].content, alt or paper.pictures[one].alt))


def _attachment(token: Token) -> UUID | None:
    src = str(token.attrs.get("src", ""))
    try:
        return UUID(src.removeprefix(ATTACHED)) if src.startswith(ATTACHED) else None
    except ValueError:
        return None


def _plain(inline: Sequence[Token]) -> str:
    return "".join(" " if token.type in ("softbreak", "hardbreak") else token.content for token in inline)
