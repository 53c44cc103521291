"""The catalogues are complete, and everyone gets a language we write in."""

from __future__ import annotations

import re

import pytest
from babel.messages.extract import extract_from_dir

from services.notifications.languages import catalogue
from services.notifications.messages import TEMPLATES
from shared.events.notify import NotificationKind
from shared.languages import LANGUAGES, choose

PLACES = re.compile(r"%\((\w+)\)s")


def used() -> set[object]:
    kinds = [("**.jinja", "jinja2"), ("**.txt", "jinja2"), ("**.html", "jinja2")]
    options = {pattern: {"newstyle_gettext": "true"} for pattern, _ in kinds}
    return {text for _, _, text, _, _ in extract_from_dir(TEMPLATES, method_map=kinds, options_map=options)}


def forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, list | tuple) else (str(text),)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_text_is_translated_and_no_translation_is_left_over(tag: str) -> None:
    words = catalogue(tag)
    kept = {message.id for message in words if message.id}
    assert kept == used()
    for message in words:
        if message.id:
            assert not message.fuzzy, message.id
            assert all(forms(message.string)), message.id
            assert len(forms(message.string)) == len(forms(message.id)), message.id


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_translation_has_the_same_places_as_its_text(tag: str) -> None:
    for message in catalogue(tag):
        if message.id:
            wanted = {place for form in forms(message.id) for place in PLACES.findall(form)}
            found = {place for form in forms(message.string) for place in PLACES.findall(form)}
            assert found == wanted, message.id


def test_there_is_a_template_for_every_kind() -> None:
    stems = {path.stem for path in TEMPLATES.glob("*.jinja")}
    assert {stem for stem in stems if not stem.startswith("mailing_")} == set(NotificationKind)


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        (("nn", "sv"), "nn"),
        (("nb-NO", "sv"), "nb"),
        (("no", "sv"), "nb"),
        (("EN_gb", "sv"), "en"),
        (("ar", "nb"), "nb"),
        ((None, "nn"), "nn"),
        (("ar", "so"), "sv"),
        ((None, None), "sv"),
    ],
)
def test_a_person_gets_their_own_language_or_the_schools_or_swedish(wanted: tuple[str | None, ...], tag: str) -> None:
    assert choose(*wanted).tag == tag
