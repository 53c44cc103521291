"""The languages people read: which there are, which one a person gets, and their words (gettext catalogues)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DEFAULT = "sv"
MACROLANGUAGES = {"no": "nb"}
NEAR = {"nb": ("nn", "sv"), "nn": ("nb", "sv"), "sv": ("nb", "nn")}  # whoever reads the one reads the other
PREFERENCES = 20  # of an Accept-Language header, more are not read


@dataclass(frozen=True)
class Language:
    """A language we write in. `locale` is Babel's; `day` and `short_day` say how a date is written without its year."""

    tag: str
    locale: str
    name: str
    day: str = "EEEE d MMMM"
    short_day: str = "EEE d MMM"


LANGUAGES = {
    language.tag: language
    for language in (
        Language("sv", "sv_SE", "Svenska"),
        Language("nb", "nb_NO", "Bokmål", "EEEE d. MMMM", "EEE d. MMM"),
        Language("nn", "nn_NO", "Nynorsk", "EEEE d. MMMM", "EEE d. MMM"),
        Language("en", "en_GB", "English"),
    )
}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name, which the extraction knows
    """The text itself, marked as one to translate when it is shown: `{{ _(label) }}`."""
    return text


@lru_cache(1024)
def primary(tag: str | None) -> str:
    """The language of a BCP 47 tag without region and script; Norwegian without more is bokmål."""
    first = (tag or "").replace("_", "-").split("-", 1)[0].strip().lower()
    return MACROLANGUAGES.get(first, first)


def choose(*wanted: str | None) -> Language:
    """The first of these BCP 47 tags that we write in; Swedish when there is none."""
    for tag in wanted:
        language = LANGUAGES.get(primary(tag))
        if language:
            return language
    return LANGUAGES[DEFAULT]


@lru_cache(1024)
def accepted(header: str) -> Language:
    """The language of ours that an Accept-Language header (RFC 9110, 12.5.4) likes best; Swedish when none."""
    ranges = [part.partition(";") for part in header.split(",")[:PREFERENCES]]
    weighed = [(_weight(parameters), tag) for tag, _, parameters in ranges]
    best_first = sorted((one for one in weighed if one[0] > 0), key=lambda one: -one[0])
    return choose(*[tag for _, tag in best_first])


def _weight(parameters: str) -> float:
    try:
        return float(parameters.partition("=")[2] or 1)
    except ValueError:
        return 0.0


def catalogue(locales: Path, tag: str, domain: str) -> Catalog:
    """The language's catalogue as it is kept in the source; an empty one when there is no such file."""
    path = locales / tag / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        return Catalog(locale=tag, domain=domain)
    with path.open("rb") as source:
        return read_po(source, locale=tag, domain=domain)


def translations(locales: Path, tag: str, domain: str) -> Translations:
    """The language's words, compiled in memory, so that no compiled file can be older than its source."""
    compiled = BytesIO()
    write_mo(compiled, catalogue(locales, tag, domain))
    compiled.seek(0)
    return Translations(compiled, domain)


@lru_cache(4096)
def written(day: date, pattern: str, locale: str) -> str:
    """A date by a CLDR pattern; kept, because a page writes the same few dates many times."""
    return format_date(day, pattern, locale=locale)


def written_day(day: date, language: Language) -> str:
    """The day as people there write it: “måndag 23 november”, “mandag 23. november”, “Monday 23 November”."""
    return written(day, language.day, language.locale)
