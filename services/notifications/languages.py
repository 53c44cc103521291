"""The languages of messages: which there are, which one a person gets, and their words (gettext catalogues)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "sv"
MACROLANGUAGES = {"no": "nb"}


@dataclass(frozen=True)
class Language:
    """A language messages are written in. `locale` is Babel's; `day` how a date is written in it, without the year."""

    tag: str
    locale: str
    day: str = "EEEE d MMMM"


LANGUAGES = {
    language.tag: language
    for language in (
        Language("sv", "sv_SE"),
        Language("nb", "nb_NO", "EEEE d. MMMM"),
        Language("nn", "nn_NO", "EEEE d. MMMM"),
        Language("en", "en_GB"),
    )
}


def choose(*wanted: str | None) -> Language:
    """The first of these BCP 47 tags that we write in; Swedish when there is none."""
    for tag in wanted:
        primary = (tag or "").replace("_", "-").split("-", 1)[0].lower()
        language = LANGUAGES.get(MACROLANGUAGES.get(primary, primary))
        if language:
            return language
    return LANGUAGES[DEFAULT]


def catalogue(tag: str) -> Catalog:
    """The language's catalogue as it is kept in the source."""
    with (LOCALES / tag / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return read_po(source, locale=tag)


@cache
def translations(tag: str) -> Translations:
    """The language's words, compiled in memory, so that no compiled file can be older than its source."""
    compiled = BytesIO()
    write_mo(compiled, catalogue(tag))
    compiled.seek(0)
    return Translations(compiled)


def written_day(day: date, language: Language) -> str:
    """The day as people there write it: “måndag 23 november”, “mandag 23. november”, “Monday 23 November”."""
    return format_date(day, language.day, locale=language.locale)
