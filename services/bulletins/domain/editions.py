"""The languages a bulletin is written in: their order, what their parts are called, and what is still lacking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.bulletins.domain.bulletins import ACTIVITIES, BODY, LEARNING, parts_of
from services.bulletins.domain.drafts import prompts
from shared.languages import LANGUAGES, primary

SUBJECT_LONG, PART_LONG, MOST_LANGUAGES = 120, 12_000, 8  # characters, characters, editions
TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")  # BCP 47: language, script, region
# What the parts are called, in the language of the text (not of the reader): a home reads them beside the text.
TITLES: Mapping[str, Mapping[str, str]] = {
    "sv": {LEARNING: "Lärandet och lärmiljön", ACTIVITIES: "Det här är på gång", BODY: ""},
    "nb": {LEARNING: "Læring og læringsmiljø", ACTIVITIES: "Dette skjer", BODY: ""},
    "nn": {LEARNING: "Læring og læringsmiljø", ACTIVITIES: "Dette skjer", BODY: ""},
    "en": {LEARNING: "Learning and the learning environment", ACTIVITIES: "What is going on", BODY: ""},
}
PICTURE: Mapping[str, str] = {"sv": "Bild", "nb": "Bilde", "nn": "Bilete", "en": "Picture"}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ckb", "ps", "ur", "yi", "dv", "ug", "sd", "prs"})


@dataclass(frozen=True)
class Edition:
    """The words in one language: a subject, and Markdown by part."""

    language: str
    subject: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        """True when nothing is written."""
        return not (self.subject.strip() or any(part.strip() for part in self.parts.values()))


class Lack(StrEnum):
    """What must be mended before a bulletin can leave."""

    NO_TEXT = "no_text"
    NO_SUBJECT = "no_subject"
    NO_PART = "no_part"  # one of its parts is empty in one of its languages
    UNFINISHED = "unfinished"  # a question of the draft stands there unanswered, in square brackets
    TOO_LONG = "too_long"
    NO_ALT = "no_alt"  # a picture without words
    NO_PICTURE = "no_picture"  # the text names a picture that is not there
    NO_HOMES = "no_homes"


@dataclass(frozen=True)
class Lacking:
    """A lack, and where: in which language or on which attachment, and in which part."""

    what: Lack
    language: str = ""
    part: str = ""


def lacking(kind: str, editions: Iterable[Edition]) -> list[Lacking]:
    """What the words of a bulletin lack. Every language needs everything: no home gets half a bulletin."""
    every = list(editions)
    if not every:
        return [Lacking(Lack.NO_TEXT)]
    return [one for edition in every for one in _lacking_in(kind, edition)]


def _lacking_in(kind: str, edition: Edition) -> Iterable[Lacking]:
    if not edition.subject.strip():
        yield Lacking(Lack.NO_SUBJECT, edition.language)
    if len(edition.subject) > SUBJECT_LONG:
        yield Lacking(Lack.TOO_LONG, edition.language)
    for part in parts_of(kind):
        words = edition.parts.get(part, "")
        if not words.strip():
            yield Lacking(Lack.NO_PART, edition.language, part)
        if prompts(words):
            yield Lacking(Lack.UNFINISHED, edition.language, part)
        if len(words) > PART_LONG:
            yield Lacking(Lack.TOO_LONG, edition.language, part)


def titles(language: str) -> Mapping[str, str]:
    """What the parts are called in this language; empty strings where we do not know it: the writer may head them."""
    return TITLES.get(primary(language), dict.fromkeys((LEARNING, ACTIVITIES, BODY), ""))


def picture_word(language: str) -> str:
    """“Picture”, in this language where we know it."""
    return PICTURE.get(primary(language), "🖼")


def direction(language: str) -> str:
    """`rtl` for languages that are written from right to left, else `ltr`; as HTML's `dir`."""
    return "rtl" if primary(language) in RIGHT_TO_LEFT else "ltr"


def is_tag(language: str) -> bool:
    """True for a BCP 47 tag of the plain kinds: `ar`, `zh-Hant`, `pt-BR`."""
    return TAG.fullmatch(language) is not None


def in_order(languages: Iterable[str], first: str) -> list[str]:
    """The school's own language first, then those we write in, then the others: who stands in for whom."""
    ours = list(LANGUAGES)

    def place(language: str) -> tuple[int, str]:
        return (-1 if language == first else ours.index(language) if language in ours else len(ours)), language

    return sorted(dict.fromkeys(languages), key=place)


def addable(read: Iterable[str], there: Iterable[str]) -> list[str]:
    """Languages that can be added: ours, and those that somebody at home reads, without what is there already."""
    taken = set(there)
    return [one for one in dict.fromkeys([*LANGUAGES, *sorted(read)]) if one not in taken and is_tag(one)]
