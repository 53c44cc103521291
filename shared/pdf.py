"""Paper: what every PDF has in common, set in Source Sans. Only draws; the words come in their reader's language.

The same content gives the same bytes: no clock is asked. What the typeface has no signs for (Arabic, Chinese and so on)
is not made up: it is shown as […], and `Sheet.left_out` says that something was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import font_source_sans_pro
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # the library has no types
from fpdf import FPDF
from fpdf.enums import XPos, YPos

FOLDER = Path(font_source_sans_pro.font_directory)
FACE = "Source Sans Pro"
INK, QUIET, BRIDGE, LINE = (31, 41, 46), (89, 100, 107), (28, 106, 103), (214, 208, 196)
MARGIN = 22  # mm
UNPRINTABLE, GAP = "[…]", "\x01"
GAPS = re.compile(f"{GAP}(?:[ {GAP}]*{GAP})?")


class Typeface:
    """Some cuts of the typeface, by style (`B`, `I`): a sign is shown when all of them have it."""

    def __init__(self, cuts: Mapping[str, str]) -> None:
        self.paths = MappingProxyType({style: FOLDER / f"SourceSansPro-{name}.ttf" for style, name in cuts.items()})

    def printable(self, text: str) -> str:
        """The text as it can be shown: signs it lacks come without their accents, or as […]."""
        return self.set(text)[0]

    def set(self, text: str) -> tuple[str, bool]:
        """The text as it can be printed, and whether something had to be left out."""
        signs = unicodedata.normalize("NFC", text.replace("\t", " "))
        shown = "".join(GAP if (one := self._as_shown(sign)) is None else one for sign in signs)
        return GAPS.sub(UNPRINTABLE, shown), GAP in shown

    @cached_property
    def _signs(self) -> frozenset[int]:
        cuts = self.paths.values()
        return frozenset.intersection(*(frozenset(TTFont(path, lazy=True).getBestCmap()) for path in cuts))

    def _as_shown(self, sign: str) -> str | None:
        if ord(sign) in self._signs:
            return sign
        if unicodedata.category(sign) in ("Cf", "Mn", "Cc"):  # invisible: directions, joiners, loose accents
            return sign if sign == "\n" else ""
        plain = "".join(one for one in unicodedata.normalize("NFKD", sign) if unicodedata.category(one) != "Mn")
        return plain if plain and all(ord(one) in self._signs for one in plain) else None


UPRIGHT = Typeface({"": "Regular", "B": "Semibold"})
WITH_ITALICS = Typeface({"": "Regular", "B": "Semibold", "I": "It", "BI": "SemiboldIt"})


class Sheet(FPDF):
    """A4 with our margins. `at` is the date the file bears; `left_out`: something could not be set."""

    def __init__(self, typeface: Typeface, at: datetime, title: str) -> None:
        super().__init__(format="A4")
        self.typeface, self.left_out = typeface, False
        self.set_creation_date(at)
        self.set_title(typeface.printable(title))
        self.set_creator("Skolbro")
        self.set_producer("Skolbro")
        for style, path in typeface.paths.items():
            self.add_font(FACE, style, str(path))
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN)

    def ink(self, size: float, colour: tuple[int, int, int], style: str = "") -> None:
        """Write on in this size (points), colour and style."""
        self.set_font(FACE, style, size)
        self.set_text_color(*colour)

    def said(self, text: str) -> str:
        """The text as it can be printed; remembers when something had to be left out."""
        said, left_out = self.typeface.set(text)
        self.left_out = self.left_out or left_out
        return said

    def lines(self, text: str, height: float) -> None:
        """The text over the whole width, in lines of this height (mm)."""
        self.multi_cell(0, height, self.said(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


class Document(Sheet):
    """A sheet somebody reads on a screen: in one language, its pages numbered."""

    def __init__(self, typeface: Typeface, at: datetime, title: str, language: str) -> None:
        super().__init__(typeface, at, title)
        self.set_lang(language)
        self.set_display_mode("fullwidth")
        self.alias_nb_pages("{pages}")

    def quietly(self, text: str) -> None:
        """A small line under everything else."""
        self.ln(6)
        self.ink(9, QUIET)
        self.lines(text, 5)
