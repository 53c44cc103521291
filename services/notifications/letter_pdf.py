"""Letters as one PDF to print: A4, each letter on a page of its own, the address where the envelope's window is.

Only draws; the words come already in each reader's language. What the typeface has no signs for (Arabic, Chinese and so
on) is not made up: it is shown as […], with a line that says so and where the text stands in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifications.domain.paper import Window
from shared.pdf import INK, QUIET, UPRIGHT, Sheet

HEAD, BODY = 18, 105  # mm: where the sender stands, where the text begins (below both folds)
ADDRESS_SIZE, TEXT_SIZE, SMALL = 11, 11, 9  # points; sorting machines want 10 to 12
SMALLEST = 7  # points; a longer line of an address is set no smaller
POINT = 0.3528  # mm


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


class _Letters(Sheet):
    def __init__(self, at: datetime) -> None:
        super().__init__(UPRIGHT, at, "Skolbro")
        self._paper: Paper | None = None
        self._begins = 0

    def footer(self) -> None:
        """The number of the page within its letter, where it has more than one."""
        page = self.page_no() - self._begins + 1
        if self._paper and page > 1:
            self.set_y(-15)
            self.ink(SMALL, QUIET)
            self.cell(0, 5, self.said(self._paper.page % {"page": page}), align="R")

    def letter(self, paper: Paper) -> None:
        """One letter, begun on a page of its own."""
        self.add_page()
        self._paper, self._begins, self.left_out = paper, self.page_no(), False
        self._head(paper)
        self._address(paper)
        self.set_y(BODY)
        self.ink(15, INK, "B")
        self.lines(paper.subject, 7)
        self.ln(3)
        self.ink(TEXT_SIZE, INK)
        for paragraph in paper.paragraphs:
            self.lines(paragraph, 5.6)
            self.ln(2.8)
        if self.left_out:
            self.ink(SMALL, QUIET)
            self.lines(paper.unprintable, 5)

    def _head(self, paper: Paper) -> None:
        """Who writes, and when; above the window."""
        self.set_y(HEAD)
        self.ink(12, INK, "B")
        self.lines(paper.sender, 6)
        self.ink(SMALL, QUIET)
        self.lines(paper.date, 5)

    def _address(self, paper: Paper) -> None:
        """The address, as low as it fits in the window, so that it is seen however the sheet lies."""
        window = paper.window
        height = window.height / max(len(paper.address), 4)
        for place, line in enumerate(paper.address):
            self._sized(line, window.width, height)
            self.set_xy(window.left, window.top + place * height)
            self.cell(window.width, height, self.said(line))

    def _sized(self, line: str, width: float, height: float) -> None:
        """The largest size in which the line fits."""
        size = min(ADDRESS_SIZE, height / POINT)
        self.ink(size, INK)
        wide = self.get_string_width(self.typeface.printable(line))
        if wide > width - 2:
            self.ink(max(SMALLEST, size * (width - 2) / wide), INK)


def paragraphs_of(text: str) -> Iterator[str]:
    """The paragraphs of a plain text; lines within one stay lines."""
    for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        if part.strip():
            yield part.strip()
