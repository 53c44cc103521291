"""Markdown as HTML and as plain text: nothing that somebody writes becomes more than words, links and pictures."""

from __future__ import annotations

from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bulletins.domain.bulletins import ACTIVITIES, LEARNING
from services.bulletins.domain.editions import Edition
from services.bulletins.texts import ATTRIBUTES, TAGS, pictures_in, rendered, whole
from shared.events.notify import MailingKind

BULLETIN, PICTURE = UUID(int=1), UUID(int=2)
NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "![x](//evil.example/pixel.png)",
    '![x" onerror="alert(1)](attachment:00000000-0000-0000-0000-000000000002)',
    '[x](https://a.example/"onmouseover=alert(1))',
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    '<a href="https://a.example" style="x" onclick="y">z</a>',
    "<iframe src=https://evil.example></iframe>",
    "[x]: javascript:alert(1)\n\n[x]",
    "{{7*7}} {% raw %} ${x}",
    "`<b onclick=x>`",
    "\x00\u202e<b>",
]


class Found(HTMLParser):
    """Every tag and attribute there is in some HTML, as a browser would see it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def assert_harmless(html: str) -> None:
    found = Found(html)
    assert found.tags <= TAGS | {"h2"}
    for tag, name, value in found.attributes:
        assert name in ATTRIBUTES.get(tag, set()) | {"rel"}, (tag, name)
        if name == "href":
            assert value.lower().startswith(("https://", "http://", "mailto:")), value
        if name == "src":
            assert value.startswith("/bulletins/"), value


def words() -> st.SearchStrategy[str]:
    parts = st.one_of(st.sampled_from(NASTY), st.text(max_size=12), st.sampled_from("[]()<>!\"'`*_#-\n \\&;:/{}"))
    return st.lists(parts, max_size=12).map("".join)


@settings(max_examples=400, deadline=None)
@given(words())
def test_whatever_is_written_no_script_style_event_or_foreign_address_survives(markdown: str) -> None:
    for made in (rendered(markdown), rendered(markdown, BULLETIN, alts={PICTURE: '"><script>'})):
        assert_harmless(made.html)


@pytest.mark.parametrize("markdown", NASTY)
def test_each_known_trick_comes_out_as_words(markdown: str) -> None:
    assert_harmless(rendered(markdown, BULLETIN).html)


def test_what_looks_like_a_template_stays_as_it_is_written() -> None:
    made = rendered("{{7*7}} {% if x %}")
    assert made.html == "<p>{{7*7}} {% if x %}</p>"
    assert made.text == "{{7*7}} {% if x %}"


def test_plain_text_has_headings_lists_quotes_and_where_links_lead() -> None:
    markdown = (
        "# Veckan\n\nVi läser *floder* och [karta](https://a.example/k?x=1&y=2).\nNy rad.\n\n- ett\n- två\n"
        "  1. a\n  2. b\n\n> sagt\n> så\n\nSkriv till [oss](mailto:6a@skola.example) eller https://skola.example."
    )
    assert rendered(markdown).text == (
        "Veckan\n\nVi läser floder och karta (https://a.example/k?x=1&y=2).\nNy rad.\n\n- ett\n- två\n"
        "  1. a\n  2. b\n\n> sagt\n> så\n\nSkriv till oss (6a@skola.example) eller https://skola.example."
    )


def test_bare_addresses_become_links_without_the_full_stop() -> None:
    html = rendered("Se https://skola.example/a_b. Eller (http://b.example/x)!").html
    assert 'href="https://skola.example/a_b"' in html
    assert 'href="http://b.example/x"' in html
    assert rendered("[https://a.example](https://b.example)").html.count("<a ") == 1


def test_one_line_end_is_a_line_end() -> None:
    assert rendered("en\ntvå").html == "<p>en<br>\ntvå</p>"


def test_headings_stand_below_those_of_the_page() -> None:
    assert rendered("# A\n\n## B").html == "<h3>A</h3>\n<h4>B</h4>"
    information = Edition("en", "A", {"body": "# A"})
    assert whole(MailingKind.INFORMATION, information).html == "<h2>A</h2>", "it has no headings of parts above it"


def test_no_level_of_headings_is_left_out_whichever_somebody_uses() -> None:
    assert rendered("### A").html == "<h3>A</h3>"
    assert rendered("## A\n\n#### B\n\n## C").html == "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>"
    assert rendered("### A\n\n# B\n\n### C").html == "<h3>A</h3>\n<h3>B</h3>\n<h4>C</h4>"


def test_a_picture_is_an_image_on_the_page_and_words_in_a_mail() -> None:
    page = rendered(f"![Vår skog](attachment:{PICTURE})", BULLETIN)
    assert page.html == f'<p><img src="/bulletins/{BULLETIN}/files/{PICTURE}" alt="Vår skog" loading="lazy"></p>'
    mail = rendered(f"![](attachment:{PICTURE})", language="en", alts={PICTURE: "Our forest"})
    assert (mail.html, mail.text) == ("<p><em>[Picture: Our forest]</em></p>", "[Picture: Our forest]")


def test_the_pictures_a_text_names_are_found() -> None:
    other = uuid4()
    named = pictures_in(f"![a](attachment:{PICTURE}) och ![](attachment:{other}) och ![b](https://c.example/d.png)")
    assert named == [(PICTURE, "a"), (other, "")]


def test_the_whole_has_its_parts_under_headings_in_its_own_language() -> None:
    edition = Edition("nb", "Uke 45", {LEARNING: "Vi leser.", ACTIVITIES: "Tur."})
    made = whole(MailingKind.BULLETIN, edition)
    assert made.text == "Læring og læringsmiljø\n\nVi leser.\n\nDette skjer\n\nTur."
    assert made.html.startswith("<h2>Læring og læringsmiljø</h2>\n<p>Vi leser.</p>")
    arabic = whole(MailingKind.BULLETIN, Edition("ar", "x", {LEARNING: "نص", ACTIVITIES: "رحلة"}))
    assert "<h2>" not in arabic.html
