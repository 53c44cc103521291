"""Keep the catalogues of the pages' words as the code uses them: new texts are added, texts nobody uses go.

Usage: python -m tests.words [--missing] [--fill FILE.json] [--only SERVICE]

`--missing` prints what is not translated yet, as JSON: {tag: {text: ""}}, with ["", ""] for a text with a plural.
`--fill` writes translations of the same shape into every catalogue that has the text. `--only` leaves the catalogues of
other services alone: the same English may be two texts in another language.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from shared.languages import LANGUAGES, catalogue
from shared.web.pages import DOMAIN

ROOT = Path(__file__).parents[1]
FRAME = ROOT / "shared" / "web"
KEYWORDS: Mapping[str, Any] = {
    **dict.fromkeys(("_", "N_", "ugettext")),
    **dict.fromkeys(("ngettext", "ungettext"), (1, 2)),
    "gettext": {1: None, 2: (2,)},  # a template's own, and `pages.gettext(request, text)`
}
KINDS = {".html": "jinja2", ".py": "python"}
OPTIONS = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
NOTE = """# Words of the pages in {}. The msgids are the English texts there; `python -m tests.words` keeps them.
# A unit test fails when one is missing, fuzzy or no longer used."""
BEGAN = datetime(2026, 11, 22, tzinfo=UTC)

Text = str | tuple[str, ...]


def homes() -> list[Path]:
    """Whose pages have words: the frame, and every service with pages for people."""
    return [FRAME, *sorted(found.parents[1] for found in (ROOT / "services").glob("*/web/templates"))]


@cache
def used(home: Path) -> Mapping[Text, list[str]]:
    """The texts that this code shows, with the files they are in; texts that the frame has are kept there alone."""
    found: dict[Text, list[str]] = {}
    for path, text in _extracted(home):
        places = found.setdefault(text, [])
        places += [path] if path not in places else []
    return found if home == FRAME else {text: places for text, places in found.items() if text not in used(FRAME)}


def _extracted(home: Path) -> Iterator[tuple[str, Text]]:
    for path in sorted(path for path in home.rglob("*") if path.suffix in KINDS and "migrations" not in path.parts):
        options = OPTIONS if path.suffix == ".html" else None
        for _, text, _, _ in extract_from_file(KINDS[path.suffix], path, KEYWORDS, options=options):
            yield path.relative_to(home).as_posix(), tuple(text) if isinstance(text, tuple | list) else text


def renewed(home: Path, tag: str, filling: Mapping[str, str | list[str]]) -> Catalog:
    """The catalogue as the code is now: translations that are there stay, unless the filling says better."""
    kept = catalogue(home / "locales", tag, DOMAIN)
    about = {"project": "Skolbro", "version": "1", "msgid_bugs_address": "skolbro@skola.example"}
    people = {
        "last_translator": "Skolbro",
        "language_team": "Skolbro",
        "header_comment": NOTE.format(home.relative_to(ROOT)),
    }
    new = Catalog(tag, DOMAIN, creation_date=BEGAN, revision_date=BEGAN, fuzzy=False, **about, **people)
    for text, places in used(home).items():
        old = kept.get(text if isinstance(text, str) else text[0])
        before = old.string if old and not old.fuzzy and old.id == text else ""
        english = text if tag == "en" else ""
        said = filling.get(text if isinstance(text, str) else text[0]) or before or english
        new.add(text, tuple(said) if isinstance(said, list) else said, [(place, 0) for place in places])
    return new


def untranslated(words: Catalog) -> dict[str, str | list[str]]:
    """The texts that lack a translation."""
    lacking = [message for message in words if message.id and not all(forms(message.string))]
    return {forms(one.id)[0]: ["", ""] if one.pluralizable else "" for one in lacking}


def forms(text: object) -> tuple[str, ...]:
    """A text's forms: one, or the singular and the plural."""
    return tuple(text) if isinstance(text, list | tuple) else (str(text),)


def write(home: Path, tag: str, words: Catalog) -> None:
    """Keep the catalogue in the source."""
    path = home / "locales" / tag / "LC_MESSAGES" / f"{DOMAIN}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, words, width=120, include_lineno=False)


def main() -> None:
    """Renew every catalogue, and say what is still to be translated."""
    reader = ArgumentParser(description="Keep the catalogues of the pages' words.")
    reader.add_argument("--missing", action="store_true", help="print what is not translated yet")
    reader.add_argument("--fill", type=Path, help="a JSON file of translations")
    reader.add_argument("--only", help="the service whose catalogues are renewed")
    asked = reader.parse_args()
    filling = json.loads(asked.fill.read_text("utf-8")) if asked.fill else {}
    missing: dict[str, dict[str, str | list[str]]] = {}
    for home in (home for home in homes() if asked.only in (None, home.name)):
        for tag in LANGUAGES:
            words = renewed(home, tag, filling.get(tag, {}))
            write(home, tag, words)
            missing.setdefault(tag, {}).update(untranslated(words))
    if asked.missing:
        print(json.dumps(missing, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
