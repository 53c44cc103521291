"""The plan after a talk as a PDF: A4, set in Source Sans, the same bytes for the same content.

Only draws; the words come already in the reader's language. What the typeface has no signs for (Arabic, Chinese and so
on) is not made up: it is shown as […] with a line that says so and where the text stands in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from shared.pdf import BRIDGE, INK, LINE, QUIET, UPRIGHT, Document


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
    return UPRIGHT.printable(text)


class _Paper(Document):
    def __init__(self, paper: PlanPaper) -> None:
        super().__init__(UPRIGHT, paper.at, paper.title, paper.language)
        self.paper = paper

    def footer(self) -> None:
        """The number of the page, of how many."""
        self.set_y(-15)
        self.ink(9, QUIET)
        words = printable(self.paper.page_of % {"page": self.page_no(), "pages": "{pages}"})
        self.cell(0, 5, words, align="R")

    def head(self) -> None:
        self.ink(22, INK, "B")
        self.lines(self.paper.title, 9)
        self.ink(12, QUIET)
        self.lines(self.paper.lead, 6)
        self.ln(4)
        for name, value in self.paper.facts:
            self.ink(10.5, QUIET)
            self.cell(38, 6, self.said(name))
            self.ink(10.5, INK)
            self.lines(value, 6)

    def part(self, title: str, text: str) -> None:
        self._title(title)
        self.ink(10.5, INK)
        for paragraph in text.split("\n"):
            self.lines(paragraph, 5.5) if paragraph.strip() else self.ln(2.5)

    def table_of(self, table: PlanTable) -> None:
        self._title(table.title)
        self.ink(9.5, INK)
        if not table.rows:
            self.lines(table.empty, 5.5)
            return
        heads = FontFace(emphasis="BOLD", color=QUIET)
        look = {"borders_layout": TableBordersLayout.HORIZONTAL_LINES, "line_height": 5, "padding": 1.2}
        self.set_draw_color(*LINE)
        with self.table(col_widths=tuple(table.widths), text_align="L", headings_style=heads, **look) as drawn:
            for cells in (table.heads, *table.rows):
                row = drawn.row()
                for cell in cells:
                    row.cell(self.said(cell))

    def _title(self, text: str) -> None:
        self.ln(7)
        if self.will_page_break(24):
            self.add_page()
        self.ink(13, BRIDGE, "B")
        self.start_section(printable(text))
        self.lines(text, 7)
        self.ln(1)
