"""The words of the pages are complete in every language, nothing is left over, and no page has words of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from jinja2 import Environment, nodes

from shared.languages import LANGUAGES, catalogue
from shared.web.pages import DOMAIN
from tests.words import FRAME, ROOT, forms, homes, renewed, untranslated, used

PLACES = re.compile(r"%\((\w+)\)s")
WORD = re.compile(r"[^\W\d_]{2,}")
SENTENCE = re.compile(r"[A-ZÅÄÖÆØ][^\W\d_]+|[^\W\d_]{2,} [^\W\d_]{2,} [^\W\d_]{2,}")
ATTRIBUTE = re.compile(r'\s[a-z-]+="[^"<>]*"')  # from a macro that writes nothing else
NAMES = {"Skolbro"}  # the same in every language
TRANSLATES = {"_", "gettext", "ngettext"}
SHOWN = {"title", "alt", "placeholder", "aria-label", "aria-description", "aria-roledescription"}
EVERY = [pytest.param(home, tag, id=f"{home.name}-{tag}") for home in homes() for tag in LANGUAGES]
TEMPLATES = sorted(path for home in homes() for path in home.rglob("*.html"))


def words(home: Path, tag: str) -> Catalog:
    return catalogue(home / "locales", tag, DOMAIN)


@pytest.mark.parametrize(("home", "tag"), EVERY)
def test_every_text_is_translated_and_no_translation_is_left_over(home: Path, tag: str) -> None:
    kept = words(home, tag)
    mended = "run `python -m tests.words --missing`, translate, and give it the answer with --fill"
    assert {message.id for message in kept if message.id} == used(home).keys(), mended
    assert not untranslated(kept), mended
    assert not [message.id for message in kept if message.id and message.fuzzy]


@pytest.mark.parametrize(("home", "tag"), EVERY)
def test_a_translation_has_the_same_places_and_forms_as_its_text(home: Path, tag: str) -> None:
    for message in words(home, tag):
        if message.id:
            wanted = {place for form in forms(message.id) for place in PLACES.findall(form)}
            assert {place for form in forms(message.string) for place in PLACES.findall(form)} == wanted, message.id
            assert len(forms(message.string)) == len(forms(message.id)), message.id
            assert not re.search(r"%(?!\(\w+\)s)", "".join(forms(message.string)).replace("%%", "")), message.id


@pytest.mark.parametrize("home", homes(), ids=lambda home: home.name)
def test_the_english_is_the_text_itself(home: Path) -> None:
    assert [message.id for message in words(home, "en") if message.id and message.string != message.id] == []


def test_a_text_that_is_new_is_seen_to_be_missing() -> None:
    bare = renewed(FRAME, "fr", {"Log out": "Se déconnecter"})
    assert "Log out" not in untranslated(bare)
    assert "Language" in untranslated(bare)


class Visible(HTMLParser):
    """Collects what a reader sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if name in SHOWN and value]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # a mail carries its style along: nobody reads that
            self.texts.append(ATTRIBUTE.sub("", data))


def bare_words(source: str) -> set[str]:
    """The words of a template that a reader meets and that stand outside gettext."""
    tree = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    page = Visible()
    page.feed("".join(_text(node) for node in _written(tree)))
    page.close()
    seen = {word for text in page.texts for word in WORD.findall(text)}
    return (seen | {text for text in _spoken(tree) if SENTENCE.search(text)}) - NAMES


def _written(node: nodes.Node) -> Iterator[nodes.Node]:
    """What a template writes, in the order of the source: its text, and each of its expressions."""
    if isinstance(node, nodes.Output):
        yield from node.nodes
    else:
        for child in node.iter_child_nodes():
            yield from _written(child)


def _text(node: nodes.Node) -> str:
    return node.data if isinstance(node, nodes.TemplateData) else "0"


def _spoken(node: nodes.Node) -> Iterator[str]:
    """The texts inside expressions that no translation is asked for: `{{ button("Save") }}`."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in TRANSLATES:
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    for child in node.iter_child_nodes():
        yield from _spoken(child)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_has_words_outside_gettext(path: Path) -> None:
    assert bare_words(path.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>{{ _('Save') }} · Skolbro</p>", set()),
        ("<p>{% trans %}Save{% endtrans %} {{ name }}</p>", set()),
        ("<p class='quiet'>Save {{ name }}</p>", {"Save"}),
        ("{% if a %}<b title='Save'>{% endif %}{{ x }}</b>", {"Save"}),
        ("{{ button('Save', kind='second') }}", {"Save"}),
        ("{% call card('Save') %}{{ ngettext('one', 'many', n) }}{% endcall %}", {"Save"}),
        ('<a href="/save"{% if a %} aria-current="page"{% endif %}>{{ a }}</a>', set()),
    ],
)
def test_words_outside_gettext_are_found(source: str, found: set[str]) -> None:
    assert bare_words(source) == found
