"""The plan as a PDF: read back with a second program."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from services.scheduling.plan_pdf import PlanPaper, PlanTable, plan_pdf, printable

PAPER = PlanPaper(
    language="sv",
    title="Plan – Utvecklingssamtal",
    lead="Łucja Ąžuolaitė Čapek",
    facts=[("Skola", "Björkskolan"), ("Hölls", "tisdag 17 november 2026")],
    summary_title="Vad vi talade om",
    summary="Łucja läser mycket.\n\nHon vill skriva mer på gång.",
    tables=[
        PlanTable(
            "Vad vi kom överens om",
            ["Vem", "Vad", "Till", "Hur", "Läge"],
            (20, 32, 16, 24, 14),
            [["Anna Ek", "Läser högt", "15 december", "Vi frågar", "Pågår"]],
            "Inget.",
        ),
        PlanTable("Underskrifter", ["Vem", "När"], (60, 40), [], "Ingen än."),
    ],
    page_of="Sida %(page)s av %(pages)s",
    unprintable="Tecken som inte kan tryckas.",
    at=datetime(2026, 11, 17, 15, 0, tzinfo=UTC),
)


def read(paper: PlanPaper) -> tuple[PdfReader, str]:
    reader = PdfReader(BytesIO(plan_pdf(paper)))
    return reader, "\n".join(page.extract_text() for page in reader.pages)


def test_it_says_everything_with_letters_of_all_our_languages() -> None:
    reader, text = read(PAPER)
    for words in ("Łucja Ąžuolaitė Čapek", "Björkskolan", "Läser högt", "Ingen än.", "Sida 1 av 1", "på gång"):
        assert words in text
    assert "Tecken som" not in text
    width, height = reader.pages[0].mediabox[2:]
    assert (round(width), round(height)) == (595, 842)


def test_it_says_its_title_and_language_and_the_time_of_the_plan_not_of_the_printing() -> None:
    reader, _ = read(PAPER)
    assert reader.metadata is not None
    assert reader.metadata.title == PAPER.title
    assert reader.metadata.creation_date == PAPER.at
    assert str(reader.root_object["/Lang"]) == "sv"
    assert plan_pdf(PAPER) == plan_pdf(PAPER)


def test_its_fonts_are_inside() -> None:
    reader, _ = read(PAPER)
    resources: Any = reader.pages[0]["/Resources"]
    fonts = resources["/Font"]
    assert len(fonts) == 2
    for font in fonts.values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        assert "SourceSansPro" in inner["/BaseFont"]
        assert "/FontFile2" in inner["/FontDescriptor"].get_object()


def test_a_long_plan_has_numbered_pages_and_its_headings_again() -> None:
    rows = [["Anna Ek", "Läser högt varje kväll " * 3, "15 december", "Vi frågar", "Pågår"]] * 60
    reader, text = read(replace(PAPER, tables=[replace(PAPER.tables[0], rows=rows)], summary="Ord " * 900))
    pages = len(reader.pages)
    assert pages > 3
    assert f"Sida {pages} av {pages}" in text
    assert text.count("Vem") >= pages - 2
    assert len(reader.outline) == 2


def test_signs_it_has_no_shape_for_are_left_out_and_it_says_so() -> None:
    _, text = read(replace(PAPER, lead="نور حداد (Noor)"))
    assert "[…] (Noor)" in text
    assert "Tecken som inte kan tryckas." in text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Łódź ĄČŠŽ åäö øæ ñ ğ ş đ ð þ", "Łódź ĄČŠŽ åäö øæ ñ ğ ş đ ð þ"),
        ("Nguyễn", "Nguyễn"),
        ("Ａnna", "Anna"),  # wide letters
        ("é", "é"),  # an accent of its own
        ("a\u200db\u202e", "ab"),  # invisible
        ("漢字 と 漢字", "[…]"),
        ("A 漢字 B", "A […] B"),
        ("😀", "[…]"),
    ],
)
def test_what_is_printed(typed: str, shown: str) -> None:
    assert printable(typed) == shown


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    rows = [[text] * 5]
    tables = [replace(PAPER.tables[0], rows=rows, title=text or "x")]
    assert plan_pdf(replace(PAPER, title=text, lead=text, summary=text, tables=tables)).startswith(b"%PDF")
