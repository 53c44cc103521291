"""What a mail of the half-year of bulletins is about, read without taking it apart: there are thousands of them."""

from __future__ import annotations

import re
from binascii import a2b_qp
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from services.demo.bulletins.words import SUBJECT
from services.demo.catcher import END_OF_HEADERS, Mail

PATH = re.compile(r"https?://[^/\s\"<>]+(/(?:bulletins|dialogue)(?:/[^\s\"<>]*)?)")
READING = re.compile(r"https?://[^\s\"<>]+/bulletins/read/[^\s\"<>]+")
HOME = re.compile(r"/bulletins/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
TITLE = re.compile("|".join(one.format(number=r"\d+", name=r"\w+") for one in SUBJECT.values()))


class Letter(NamedTuple):
    """What a mail leads to (a path), which bulletin it brings to a home, and the titles of bulletins that are in it."""

    path: str
    bulletin_id: UUID | None
    titles: frozenset[str]


@lru_cache(maxsize=20_000)
def letter_of(mail: Mail) -> Letter | None:
    """What a mail of the half-year is about; None for every other mail."""
    words = text_of(mail)
    found = PATH.search(words)
    path = found[1] if found else ""
    home = HOME.fullmatch(path)
    titles = frozenset(TITLE.findall(words))
    return Letter(path, UUID(home[1]) if home else None, titles) if path or titles else None


def text_of(mail: Mail) -> str:
    """Everything beneath the headers, as words."""
    end = END_OF_HEADERS.search(mail.raw)
    return a2b_qp(mail.raw[end.end() :] if end else mail.raw).decode("utf-8", "replace")


def reading_link(mail: Mail) -> str | None:
    """The address behind “I have read this”; None in a mail without it."""
    found = READING.search(text_of(mail))
    return found[0] if found else None
