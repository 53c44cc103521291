"""The words of messages: the service's own catalogues in the languages of `shared.languages`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.support import Translations

from shared import languages

LOCALES = Path(__file__).parent / "locales"
DOMAIN, PAGES = "messages", "pages"  # what templates of messages say; what pages and code of this service say


def catalogue(tag: str) -> Catalog:
    """The language's catalogue as it is kept in the source."""
    return languages.catalogue(LOCALES, tag, DOMAIN)


@cache
def translations(tag: str) -> Translations:
    """The language's words: those of the messages, and those that code has (`N_`), which are kept with the pages'."""
    words = languages.translations(LOCALES, tag, PAGES)
    words.merge(languages.translations(LOCALES, tag, DOMAIN))
    return words
