"""What a bulletin should not tell: found in its words before it leaves, with no knowledge kept of what was found.

Names of people with a protected identity stop it, and nobody can wave them through. Everything else is for the one who
writes to judge, one finding at a time: a program cannot know that a home has agreed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from services.bulletins.domain import leak_words as words

SHOWN = 60  # characters of a line shown on each side of what was found
BETWEEN = 2  # middle names that may stand between given and family name
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
END = re.compile(r"[.!?…:](?=\s|$)|\n\s*\n|\n(?=\s*(?:[-*#>]|\d+\.))|\n\s*(?:[-*#>]|\d+\.)\s")
DIGITS = re.compile(r"(?<![\d-])(?:\d[ -]?){9,13}\d(?![\d-])")
PHONE = re.compile(r"(?<![\d.,:/-])(?:\+|00)?\d(?:[ -]?\d){6,14}(?![\d:/-])")
NORWEGIAN_MOBILE = re.compile(r"[49]\d{2} \d{2} \d{3}|[49]\d \d{2} \d{2} \d{2}|[49]\d{7}")
MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
PERCENT = re.compile(r"\d\s?%|\bprocent\b|\bprosent\b|\bper ?cent\b", re.IGNORECASE)


class Leak(StrEnum):
    """The closed vocabulary of findings."""

    PROTECTED_NAME = "protected_name"  # stops it
    PERSONAL_NUMBER = "personal_number"
    NAMESAKE = "namesake"  # as somebody protected is called, but others are called so too, or it is a word
    FULL_NAME = "full_name"
    HEALTH = "health"
    ABSENCE = "absence"  # of somebody who is named
    PHONE = "phone"
    MAIL = "mail"
    SMALL_GROUP = "small_group"


class Reason(StrEnum):
    """Why whoever writes lets a finding stand."""

    AGREED = "agreed"  # the home has said yes
    GENERAL = "general"  # it is about nobody in particular
    PUBLIC = "public"  # it is known to all and harms nobody
    OTHER_PERSON = "other_person"  # it is about somebody else, such as staff or an author


STOPS = frozenset({Leak.PROTECTED_NAME})


@dataclass(frozen=True)
class Name:
    """What somebody is called."""

    given: str
    family: str


@dataclass(frozen=True)
class Known:
    """Whom the text must not point at. `pupils`: of the school; `classmates`: given names in the bulletin's classes.

    `namesakes` are given names of people without protection around the class. `addresses`: mail addresses and phone
    numbers (digits alone) of homes. `smallest`: pupils in the smallest class, `least` from how many figures are shown.
    """

    protected: Sequence[Name] = ()
    pupils: Sequence[Name] = ()
    classmates: Sequence[str] = ()
    namesakes: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    smallest: int = 1_000
    least: int = 0


@dataclass(frozen=True)
class Passage:
    """A stretch of text: `place` is a part, `subject`, `alt` or `file`."""

    language: str
    place: str
    words: str


@dataclass(frozen=True)
class Finding:
    """What was found where. `line` counts from 1; `excerpt` is for the page alone and is kept nowhere.

    `mark` recognises it again as long as its line is as it was, and tells nothing of what was found.
    """

    kind: Leak
    language: str
    place: str
    line: int
    excerpt: str
    mark: str

    @property
    def stops(self) -> bool:
        """True for what nobody can let stand."""
        return self.kind in STOPS


def find(bulletin_id: UUID, passages: Iterable[Passage], known: Known) -> list[Finding]:
    """All findings, in the order of the text, each kind once a line."""
    index = _Names(known)
    found: dict[str, Finding] = {}
    for passage in passages:
        text = _Text(passage)
        for kind, at in sorted(_look(text, index, known), key=lambda one: one[1]):
            finding = text.finding(bulletin_id, kind, at)
            found.setdefault(finding.mark, finding)
    return list(found.values())


def waiver(finding: Finding, reason: Reason) -> str:
    """What is kept of a finding that its author answers for: a kind, a reason and a mark, no words."""
    return f"{finding.kind}:{reason}:{finding.mark}"


def waived_reasons(waived: Iterable[str]) -> dict[str, Reason]:
    """The reasons given, by mark."""
    parts = [one.split(":") for one in waived]
    return {part[2]: Reason(part[1]) for part in parts if len(part) == 3 and part[1] in list(Reason)}


def unanswered(findings: Iterable[Finding], waived: Iterable[str]) -> list[Finding]:
    """The findings that still keep it from leaving."""
    answered = waived_reasons(waived)
    return [one for one in findings if one.stops or one.mark not in answered]


# The text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Word:
    raw: str
    at: int
    bases: frozenset[str]
    sentence: int
    first: bool  # of its sentence


class _Text:
    """A passage cut into sentences and words, with what Markdown puts into the middle of words taken out."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        plain = unicodedata.normalize("NFC", passage.words.replace("\r\n", "\n").replace("\x00", ""))
        self.plain = re.sub(r"[*_`~]+", "", plain)
        self.lower = self.plain.casefold() if len(self.plain.casefold()) == len(self.plain) else self.plain.lower()
        ends = [found.end() for found in END.finditer(self.plain)]
        self.starts = [0, *ends]
        self.sentences = list(zip(self.starts, [*ends, len(self.plain)], strict=True))
        self.words = list(self._cut())

    def _cut(self) -> Iterator[_Word]:
        for number, (begins, ends) in enumerate(self.sentences):
            for place, found in enumerate(WORD.finditer(self.plain, begins, ends)):
                yield _Word(found.group(), found.start(), bases(found.group()), number, place == 0)

    def finding(self, bulletin_id: UUID, kind: Leak, at: int) -> Finding:
        begins = self.plain.rfind("\n", 0, at) + 1
        ends = self.plain.find("\n", at)
        line = self.plain[begins : ends if ends >= 0 else None]
        here = at - begins
        excerpt = line[max(0, here - SHOWN) : here + SHOWN].strip(" #>-")
        said = f"{bulletin_id}\x1f{kind}\x1f{self.passage.language}\x1f{self.passage.place}\x1f{line.strip()}"
        mark = sha256(said.encode()).hexdigest()[:20]
        number = self.plain.count("\n", 0, at) + 1
        return Finding(kind, self.passage.language, self.passage.place, number, excerpt, mark)


def folded(word: str) -> str:
    """A word without case and without accents, but for the letters that are our own."""
    kept = [one if one in "åäöæø" else unicodedata.normalize("NFD", one)[0] for one in word.casefold()]
    return "".join(kept).replace("’", "'")


@lru_cache(4096)
def bases(word: str) -> frozenset[str]:
    """What a word may be an inflection of: itself, and without a genitive -s, -'s or apostrophe."""
    plain = folded(word)
    found = {plain, plain.removesuffix("'s"), plain.removesuffix("'"), plain.removesuffix("-")}
    if len(plain) > 2 and plain.endswith("s"):
        found.add(plain[:-1])
    return frozenset(one for one in found if one)


ORDINARY_TOO = {folded(one) for one in words.ALSO_WORDS}

# Looking --------------------------------------------------------------------------------------------------------------

Hit = tuple[Leak, int]


def _look(text: _Text, names: _Names, known: Known) -> Iterator[Hit]:
    yield from names.look(text)
    yield from _numbers(text, known)
    yield from _delicate(text, names, known)


class _Names:
    """Names by their given name's first word, so that a text is gone through once however large the school is."""

    def __init__(self, known: Known) -> None:
        self.protected = _by_given(known.protected)
        self.pupils = _by_given(known.pupils)
        self.classmates = {folded(given.split()[0]) for given in known.classmates if given.split()}
        self.namesakes = {folded(given) for one in known.namesakes for given in one.split()[:1]}

    def look(self, text: _Text) -> Iterator[Hit]:
        for place, word in enumerate(text.words):
            if name := self._hit(word, self.protected):
                full = self._full(text, place, self.protected[name])
                if full or not (name in self.namesakes or name in ORDINARY_TOO):
                    yield Leak.PROTECTED_NAME, word.at
                elif word.raw[0].isupper() or name not in ORDINARY_TOO:
                    yield Leak.NAMESAKE, word.at
            elif (name := self._hit(word, self.pupils)) and self._full(text, place, self.pupils[name]):
                yield Leak.FULL_NAME, word.at

    def names_somebody(self, words: Iterable[_Word]) -> bool:
        """True when a pupil of the class is named."""
        hits = ((word, word.bases & self.classmates) for word in words)
        return any(word.raw[0].isupper() and not (hit <= ORDINARY_TOO and word.first) for word, hit in hits if hit)

    def _hit(self, word: _Word, names: Mapping[str, Sequence[tuple[str, ...]]]) -> str | None:
        return next((one for one in sorted(word.bases, key=len, reverse=True) if one in names), None)

    def _full(self, text: _Text, place: int, families: Sequence[tuple[str, ...]]) -> bool:
        """True when one of these family names follows, with at most two names between, or stands right before."""
        for family in families:
            size = len(family)
            for start in [*range(place + 1, place + 2 + BETWEEN), place - size]:
                after = text.words[max(start, 0) : max(start, 0) + size]
                same = start >= 0 and len(after) == size and after[0].sentence == text.words[place].sentence
                between = text.words[place + 1 : start] if start > place else []
                if same and all(a.raw[0].isupper() for a in between) and _matches(after, family):
                    return True
        return False


def _matches(found: Sequence[_Word], family: tuple[str, ...]) -> bool:
    return all(part in word.bases for word, part in zip(found, family, strict=True))


def _by_given(names: Iterable[Name]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in names:
        family = tuple(folded(one) for one in WORD.findall(name.family))
        for given in WORD.findall(name.given)[:1]:
            found.setdefault(folded(given), []).append(family)
    return {given: [one for one in families if one] for given, families in found.items()}


def _numbers(text: _Text, known: Known) -> Iterator[Hit]:
    personal = [found for found in DIGITS.finditer(text.plain) if is_personal_number(found.group())]
    yield from ((Leak.PERSONAL_NUMBER, found.start()) for found in personal)
    spans = [found.span() for found in personal]
    for found in PHONE.finditer(text.plain):
        inside = any(begins <= found.start() < ends for begins, ends in spans)
        if not inside and _is_private_phone(found.group(), known.addresses):
            yield Leak.PHONE, found.start()
    for found in MAIL.finditer(text.plain):
        address = found.group().casefold().rstrip(".")
        if address in known.addresses or address.rpartition("@")[2] in words.PRIVATE_MAIL:
            yield Leak.MAIL, found.start()


def _delicate(text: _Text, names: _Names, known: Known) -> Iterator[Hit]:
    language = text.passage.language.split("-")[0].lower()
    language = language if language in words.FEW else {"no": "nb"}.get(language, "en")
    looked = _blanked(text.lower, words.ORDINARY[language])
    health = [*_matches_of(words.HEALTH[language])(looked), *_matches_of(words.HEALTH[words.EVERYWHERE])(looked)]
    yield from ((Leak.HEALTH, at) for at in health)
    absence, delicate = _matches_of(words.ABSENCE[language]), _matches_of(words.DELICATE[language])
    few = _few(language)
    for number, (begins, ends) in enumerate(text.sentences):
        sentence = looked[begins:ends]
        missing = [begins + at for at in absence(sentence)]
        mine = [word for word in text.words if word.sentence == number]
        if missing and names.names_somebody(mine):
            yield Leak.ABSENCE, missing[0]
        touched = missing or delicate(sentence) or any(begins <= at < ends for at in health)
        if touched and (found := few.search(sentence)):
            yield Leak.SMALL_GROUP, begins + found.start()
    if known.smallest < known.least:
        yield from ((Leak.SMALL_GROUP, found.start()) for found in PERCENT.finditer(text.plain))


def _blanked(text: str, ordinary: str) -> str:
    """The text with what is ordinary blanked out; every letter stays where it was."""
    return _pattern(ordinary).sub(lambda found: " " * len(found.group()), text)


@lru_cache(32)
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source, re.VERBOSE)


@lru_cache(64)
def _matches_of(listed: str) -> Callable[[str], list[int]]:
    """A search for any word of a list: where they begin."""
    pattern = re.compile(rf"(?<![\w-])(?:{_any_of(listed)})(?!\w)|(?<=-)(?:{_any_of(listed)})(?!\w)")
    return lambda text: [found.start() for found in pattern.finditer(text)]


@lru_cache(8)
def _few(language: str) -> re.Pattern[str]:
    numbers, people = words.FEW[language]
    return re.compile(rf"(?<![\w.,:])(?:{_any_of(numbers)})\s+(?:\w+\s+){{0,3}}?(?:{_any_of(people)})(?!\w)")


def _any_of(listed: str) -> str:
    """A pattern for these words; a hyphen may be a space in the text."""
    stems = ((re.escape(one.removesuffix("*")).replace(r"\-", "[- ]"), one.endswith("*")) for one in listed.split())
    return "|".join(stem + (r"\w*" if open_end else "") for stem, open_end in stems)


# Numbers of persons ---------------------------------------------------------------------------------------------------


def is_personal_number(typed: str) -> bool:
    """True for a Swedish personnummer or samordningsnummer, or a Norwegian fødselsnummer or D-nummer, by its checks."""
    digits = [int(one) for one in typed if one.isdigit()]
    return (len(digits) in (10, 12) and _is_swedish(digits[-10:])) or (len(digits) == 11 and _is_norwegian(digits))


def _is_swedish(ten: list[int]) -> bool:
    """Luhn over ten digits that begin with a date (SFS 1991:481, Skatteverket SKV 704); samordningsnummer: day + 60."""
    year, month, day = (ten[i] * 10 + ten[i + 1] for i in (0, 2, 4))
    if not _is_date(2000 + year, month, day - 60 if day > 60 else day):
        return False
    doubled = [one * (2 - place % 2) for place, one in enumerate(ten)]
    return sum(one // 10 + one % 10 for one in doubled) % 10 == 0


def _is_norwegian(eleven: list[int]) -> bool:
    """Two check digits modulo 11 (Skatteetaten); a D-nummer has 4 added to the first digit."""
    day, month, year = (eleven[i] * 10 + eleven[i + 1] for i in (0, 2, 4))
    if not _is_date(2000 + year, month, day - 40 if day > 40 else day):
        return False
    first = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
    second = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
    return all(sum(a * b for a, b in zip(weights, eleven, strict=False)) % 11 == 0 for weights in (first, second))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _is_private_phone(typed: str, addresses: frozenset[str]) -> bool:
    """True for a number of a home, and for mobile numbers: Swedish 07…, Norwegian 4… and 9…, with their countries."""
    digits = phone_digits(typed)
    if digits in addresses:
        return True
    if re.fullmatch(r"46(7[02369]\d{7})|47([49]\d{7})", digits) and digits != typed:
        return True
    return NORWEGIAN_MOBILE.fullmatch(typed.strip()) is not None


def phone_digits(typed: str) -> str:
    """A phone number as digits with its country where it says so; a Swedish 0 is taken for +46."""
    digits = "".join(one for one in typed if one.isdigit())
    if digits.startswith("00"):
        return digits[2:]
    return "46" + digits[1:] if digits.startswith("0") and not typed.strip().startswith("+") else digits
