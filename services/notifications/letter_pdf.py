"""Letters as one PDF to print: A4, each letter on a page of its own, the address where the envelope's window is.

Only draws; the words come already in each reader's language. What the typeface has no signs for (Arabic, Chinese and so
on) is not made up: it is shown as […], with a line that says so and where the text stands in full.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import font_source_sans_pro
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from services.notifications.domain.paper import Window

FOLDER = Path(font_source_sans_pro.font_directory)
REGULAR, BOLD = FOLDER / "SourceSansPro-Regular.ttf", FOLDER / "SourceSansPro-Semibold.ttf"
FACE = "Source Sans Pro"
INK, QUIET = (31, 41, 46), (89, 100, 107)
MARGIN, HEAD, BODY = 22, 18, 105  # mm: the sides, where the sender stands, where the text begins (below both folds)
ADDRESS_SIZE, TEXT_SIZE, SMALL = 11, 11, 9  # points; sorting machines want 10 to 12
SMALLEST = 7  # points; a longer line of an address is set no smaller
POINT = 0.3528  # mm
UNPRINTABLE, GAP = "[…]", "\x01"
GAPS = re.compile(f"{GAP}(?:[ {GAP}]*{GAP})?")


@dataclass(frozen=True)
class Paper:
    """One letter. `page` is a pattern with %(page)s for the pages after the first; `unprintable` is said when
    something could not be set."""

    language: str
    sender: str
    date: str
    address: Sequence[str]
    window: Window
    subject: str
    paragraphs: Sequence[str]
    page: str
    unprintable: str


def letters_pdf(papers: Sequence[Paper], at: datetime) -> bytes:
    """All letters in one file, in this order. The same letters give the same bytes: no clock is asked."""
    pdf = _Letters(at)
    for paper in papers:
        pdf.letter(paper)
    return bytes(pdf.output())


class _Letters(FPDF):
    def __init__(self, at: datetime) -> None:
        super().__init__(format="A4")
        self._paper: Paper | None = None
        self._begins, self._left_out = 0, False
        self.set_creation_date(at)
        self.set_title("Skolbro")
        self.set_creator("Skolbro")
        self.set_producer("Skolbro")
        self.add_font(FACE, "", str(REGULAR))
        self.add_font(FACE, "B", str(BOLD))
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN)

    def footer(self) -> None:
        """The number of the page within its letter, where it has more than one."""
        page = self.page_no() - self._begins + 1
        if self._paper and page > 1:
            self.set_y(-15)
            self._ink(SMALL, QUIET)
            self.cell(0, 5, self._said(self._paper.page % {"page": page}), align="R")

    def letter(self, paper: Paper) -> None:
        """One letter, begun on a page of its own."""
        self.add_page()
        self._paper, self._begins, self._left_out = paper, self.page_no(), False
        self._head(paper)
        self._address(paper)
        self.set_y(BODY)
        self._ink(15, INK, "B")
        self._lines(paper.subject, 7)
        self.ln(3)
        self._ink(TEXT_SIZE, INK)
        for paragraph in paper.paragraphs:
            self._lines(paragraph, 5.6)
            self.ln(2.8)
        if self._left_out:
            self._ink(SMALL, QUIET)
            self._lines(paper.unprintable, 5)

    def _head(self, paper: Paper) -> None:
        """Who writes, and when; above the window."""
        self.set_y(HEAD)
        self._ink(12, INK, "B")
        self._lines(paper.sender, 6)
        self._ink(SMALL, QUIET)
        self._lines(paper.date, 5)

    def _address(self, paper: Paper) -> None:
        """The address, as low as it fits in the window, so that it is seen however the sheet lies."""
        window = paper.window
        height = window.height / max(len(paper.address), 4)
        for place, line in enumerate(paper.address):
            self._sized(line, window.width, height)
            self.set_xy(window.left, window.top + place * height)
            self.cell(window.width, height, self._said(line))

    def _sized(self, line: str, width: float, height: float) -> None:
        """The largest size in which the line fits."""
        size = min(ADDRESS_SIZE, height / POINT)
        self._ink(size, INK)
        wide = self.get_string_width(_set(line)[0])
        if wide > width - 2:
            self._ink(max(SMALLEST, size * (width - 2) / wide), INK)

    def _lines(self, text: str, height: float) -> None:
        self.multi_cell(0, height, self._said(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _said(self, text: str) -> str:
        said, left_out = _set(text)
        self._left_out = self._left_out or left_out
        return said

    def _ink(self, size: float, colour: tuple[int, int, int], style: str = "") -> None:
        self.set_font(FACE, style, size)
        self.set_text_color(*colour)


def paragraphs_of(text: str) -> Iterator[str]:
    """The paragraphs of a plain text; lines within one stay lines."""
    for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        if part.strip():
            yield part.strip()


@lru_cache(1)
def _signs() -> frozenset[int]:
    """Every sign that both weights of the typeface have."""
    return frozenset.intersection(*(frozenset(TTFont(path, lazy=True).getBestCmap()) for path in (REGULAR, BOLD)))


def _set(text: str) -> tuple[str, bool]:
    """The text as it can be printed, and whether something had to be left out."""
    signs = unicodedata.normalize("NFC", text.replace("\t", " "))
    shown = "".join(GAP if (one := _as_shown(sign)) is None else one for sign in signs)
    return GAPS.sub(UNPRINTABLE, shown), GAP in shown


def _as_shown(sign: str) -> str | None:
    if ord(sign) in _signs():
        return sign
    if unicodedata.category(sign) in ("Cf", "Mn", "Cc"):  # invisible: directions, joiners, loose accents
        return sign if sign == "\n" else ""
    plain = "".join(one for one in unicodedata.normalize("NFKD", sign) if unicodedata.category(one) != "Mn")
    return plain if plain and all(ord(one) in _signs() for one in plain) else None
