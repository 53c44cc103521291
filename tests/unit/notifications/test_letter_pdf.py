"""Letters on paper: where the address stands, what is on which page, and what becomes of signs without a shape."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from services.notifications.domain.paper import LEFT, RIGHT, Window, address_lines, is_usable, window_for
from services.notifications.letter_pdf import Paper, letters_pdf, paragraphs_of
from shared.events.roster import PostalAddress

AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
MM = 72 / 25.4
HOME = PostalAddress(street="Storgatan 5 lgh 1102", postal_code="11234", locality="Brohamn")


def paper(**fields: Any) -> Paper:
    """A letter to Anna."""
    said: dict[str, Any] = {
        "language": "sv",
        "sender": "Björkskolan",
        "date": "2 november 2026",
        "address": address_lines("Anna Ek", HOME),
        "window": RIGHT,
        "subject": "Något att läsa",
        "paragraphs": ["Klassen åker till skogen."],
        "page": "Sida %(page)s",
        "unprintable": "Hela texten finns i portalen.",
    }
    return Paper(**{**said, **fields})


def placed(page: Any) -> list[tuple[str, float, float]]:
    """Each text on a page with its place in mm from the upper left corner."""
    found: list[tuple[str, float, float]] = []

    def note(text: str, cm: Any, tm: Any, *_: Any) -> None:
        if text.strip():
            x, y = tm[4] * cm[0] + cm[4], tm[5] * cm[3] + cm[5]
            found.append((text.strip(), x / MM, (float(page.mediabox.height) - y) / MM))

    page.extract_text(visitor_text=note)
    return found


def pages_of(*papers: Paper) -> list[Any]:
    """The pages of the file."""
    return list(PdfReader(BytesIO(letters_pdf(papers, AT))).pages)


@pytest.mark.parametrize("window", [LEFT, RIGHT])
def test_every_line_of_the_address_stands_in_the_window_and_nothing_else_does(window: Window) -> None:
    (page,) = pages_of(paper(window=window))
    inside = [
        text
        for text, x, y in placed(page)
        if window.left <= x <= window.left + window.width and window.top <= y <= window.top + window.height
    ]
    assert " ".join(inside).split() == ["Anna", "Ek", "Storgatan", "5", "lgh", "1102", "112", "34", "Brohamn"]


def test_a_sheet_that_slides_five_millimetres_shows_no_other_text_in_the_window() -> None:
    (page,) = pages_of(paper())
    others = [(x, y) for text, x, y in placed(page) if text in ("Björkskolan", "2 november 2026", "Något att läsa")]
    assert len(others) == 3
    assert all(not RIGHT.top - 5 <= y <= RIGHT.top + RIGHT.height + 5 for _, y in others)


def test_each_letter_begins_on_a_page_of_its_own() -> None:
    long = paper(subject="Den långa", paragraphs=["Ett stycke med flera ord i. " * 12] * 14)
    pages = pages_of(paper(subject="Den första"), long, paper(subject="Den sista"))
    texts = [page.extract_text() for page in pages]
    assert len(texts) > 3
    assert "Den första" in texts[0]
    assert "Den långa" in texts[1]
    assert "Den sista" in texts[-1]
    assert "Sida 2" in texts[2]  # of the long letter
    assert not any("Sida" in text for text in (texts[0], texts[1], texts[-1]))
    assert all("Anna Ek" not in text for text in texts[2:-1])


def test_a_language_without_signs_in_the_typeface_says_where_to_read_it() -> None:
    (page,) = pages_of(paper(paragraphs=["مرحبا بكم في المدرسة"]))
    text = page.extract_text()
    assert "[…]" in text
    assert "Hela texten finns i portalen." in text
    assert "Hela texten" not in pages_of(paper())[0].extract_text()


def test_a_very_long_street_is_set_smaller_and_stays_in_the_window() -> None:
    long = PostalAddress(street="Kyrkoherde Sven Gustafssons gata 112 B, uppgång 4", postal_code="1", locality="X")
    (page,) = pages_of(paper(address=address_lines("Anna", long)))
    assert "uppgång 4" in page.extract_text()


def test_the_same_letters_give_the_same_bytes() -> None:
    assert letters_pdf([paper()], AT) == letters_pdf([paper()], AT)


def test_an_address_is_written_as_the_post_wants_it() -> None:
    abroad = PostalAddress(street=" Storgata  1 ", postal_code="0155", locality="Oslo", care_of="Berg", country="Norge")
    assert address_lines("Ulla Utom", abroad) == ("Ulla Utom", "c/o Berg", "Storgata 1", "0155 Oslo", "NORGE")
    assert address_lines("A", PostalAddress(street="B", postal_code="se-11234", locality="C"))[-1] == "112 34 C"
    assert address_lines("A", PostalAddress(street="B", postal_code="1", locality="C", care_of="C/O D"))[1] == "C/O D"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_line_of_an_address_is_empty_whatever_the_registry_says(name: str, co: str, street: str, town: str) -> None:
    lines = address_lines(
        name, PostalAddress.model_construct(street=street, postal_code="1", locality=town, care_of=co)
    )
    assert all(line.strip() == line and line for line in lines)
    assert len(lines) <= 6


def test_norwegian_envelopes_have_their_window_to_the_left() -> None:
    assert window_for("Europe/Oslo") is LEFT
    assert window_for("Europe/Stockholm") is RIGHT


def test_an_address_without_street_code_or_town_is_none() -> None:
    assert is_usable(HOME)
    assert not is_usable(None)
    assert not is_usable(HOME.model_copy(update={"street": " "}))


def test_a_plain_text_falls_into_its_paragraphs() -> None:
    assert list(paragraphs_of("En\r\nrad\r\n\r\n\r\nTvå \n \nTre")) == ["En\nrad", "Två", "Tre"]
