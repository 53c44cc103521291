"""The plan after a talk as a PDF: A4, set in Source Sans, the same bytes for the same content.

Only draws; the words come already in the reader's language. What the typeface has no signs for (Arabic, Chinese and so
on) is not made up: it is shown as […] with a line that says so and where the text stands in full.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import font_source_sans_pro
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

FOLDER = Path(font_source_sans_pro.font_directory)
REGULAR, BOLD = FOLDER / "SourceSansPro-Regular.ttf", FOLDER / "SourceSansPro-Semibold.ttf"
FACE = "Source Sans Pro"
INK, QUIET, BRIDGE, LINE = (31, 41, 46), (89, 100, 107), (28, 106, 103), (214, 208, 196)
MARGIN = 22  # mm
UNPRINTABLE, GAP = "[…]", "\x01"
GAPS = re.compile(f"{GAP}(?:[ {GAP}]*{GAP})?")


@dataclass(frozen=True)
class PlanTable:
    """A table with its heading; `widths` are shares of the line. `empty` is said when it has no rows."""

    title: str
    heads: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[Sequence[str]]
    empty: str


@dataclass(frozen=True)
class PlanPaper:
    """What stands on the paper. `page_of` is a pattern with %(page)s and %(pages)s; `at` when it last changed."""

    language: str
    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    summary_title: str
    summary: str
    tables: Sequence[PlanTable]
    page_of: str
    unprintable: str
    at: datetime


def plan_pdf(paper: PlanPaper) -> bytes:
    """The paper as a PDF file. The same paper gives the same bytes: no clock is asked."""
    pdf = _Paper(paper)
    pdf.add_page()
    pdf.head()
    pdf.part(paper.summary_title, paper.summary)
    for table in paper.tables:
        pdf.table_of(table)
    if pdf.left_out:
        pdf.quietly(paper.unprintable)
    return bytes(pdf.output())


def printable(text: str) -> str:
    """The text as the typeface can show it: signs it lacks come without their accents, or as […]."""
    return _set(text)[0]


class _Paper(FPDF):
    def __init__(self, paper: PlanPaper) -> None:
        super().__init__(format="A4")
        self.paper, self.left_out = paper, False
        self.set_creation_date(paper.at)
        self.set_title(printable(paper.title))
        self.set_lang(paper.language)
        self.set_creator("Skolbro")
        self.set_producer("Skolbro")
        self.set_display_mode("fullwidth")
        self.add_font(FACE, "", str(REGULAR))
        self.add_font(FACE, "B", str(BOLD))
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN)
        self.alias_nb_pages("{pages}")

    def footer(self) -> None:
        """The number of the page, of how many."""
        self.set_y(-15)
        self._ink(9, QUIET)
        words = printable(self.paper.page_of % {"page": self.page_no(), "pages": "{pages}"})
        self.cell(0, 5, words, align="R")

    def head(self) -> None:
        self._ink(22, INK, "B")
        self._lines(self.paper.title, 9)
        self._ink(12, QUIET)
        self._lines(self.paper.lead, 6)
        self.ln(4)
        for name, value in self.paper.facts:
            self._ink(10.5, QUIET)
            self.cell(38, 6, self._said(name))
            self._ink(10.5, INK)
            self._lines(value, 6)

    def part(self, title: str, text: str) -> None:
        self._title(title)
        self._ink(10.5, INK)
        for paragraph in text.split("\n"):
            self._lines(paragraph, 5.5) if paragraph.strip() else self.ln(2.5)

    def table_of(self, table: PlanTable) -> None:
        self._title(table.title)
        self._ink(9.5, INK)
        if not table.rows:
            self._lines(table.empty, 5.5)
            return
        heads = FontFace(emphasis="BOLD", color=QUIET)
        look = {"borders_layout": TableBordersLayout.HORIZONTAL_LINES, "line_height": 5, "padding": 1.2}
        self.set_draw_color(*LINE)
        with self.table(col_widths=tuple(table.widths), text_align="L", headings_style=heads, **look) as drawn:
            for cells in (table.heads, *table.rows):
                row = drawn.row()
                for cell in cells:
                    row.cell(self._said(cell))

    def quietly(self, text: str) -> None:
        self.ln(6)
        self._ink(9, QUIET)
        self._lines(text, 5)

    def _title(self, text: str) -> None:
        self.ln(7)
        if self.will_page_break(24):
            self.add_page()
        self._ink(13, BRIDGE, "B")
        self.start_section(printable(text))
        self._lines(text, 7)
        self.ln(1)

    def _lines(self, text: str, height: float) -> None:
        self.multi_cell(0, height, self._said(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _said(self, text: str) -> str:
        said, left_out = _set(text)
        self.left_out = self.left_out or left_out
        return said

    def _ink(self, size: float, colour: tuple[int, int, int], style: str = "") -> None:
        self.set_font(FACE, style, size)
        self.set_text_color(*colour)


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
