"""What the people of the round have seen with their own eyes. The account is made of it, and of the mails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.languages import LANGUAGES, written_day

PROGRAMME = re.compile(r'<h3[^>]*>([^<]+)</h3>|<a href="/talks/([0-9a-f-]{36})"><b class="number">(\d\d:\d\d)–')
BOOKED = r'href="/talks/{talk}"><b>[^<]*</b></a>\s*<span class="badge good">'
SIGNED = "</i>Signed</span>"
OPTION = re.compile(
    r'<input id="(best-\d+)"[^>]*?value="([^"]*)"[^>]*>\s*<label for="\1">\s*<span class="day">([^<]*)</span>'
)

When = tuple[date, str]


@dataclass
class Facts:
    """How far the round has come. `agreed`: who knows that a talk is booked; `standing`: when its host expects them."""

    round_id: UUID | None = None
    meeting_id: UUID | None = None
    offered_by: UUID | None = None
    adopted: bool = False
    agreed: dict[UUID, set[UUID]] = field(default_factory=dict)
    standing: dict[UUID, When] = field(default_factory=dict)
    held: set[UUID] = field(default_factory=set)
    signed: set[UUID] = field(default_factory=set)
    over: bool = False

    def books(self, talk_ids: Iterable[UUID], adults: Iterable[UUID]) -> None:
        """These people know that these talks are booked."""
        told = set(adults)
        for talk_id in talk_ids:
            self.agreed.setdefault(talk_id, set()).update(told)


def day_words(day: date) -> str:
    """The day as a page in English writes it."""
    return written_day(day, LANGUAGES["en"])


def programme(page: str, days: Iterable[date]) -> Mapping[UUID, When]:
    """The talks that somebody holds on these days, as their own page lists them: the day, and when each begins."""
    by_words = {day_words(day): day for day in days}
    found, day = dict[UUID, When](), None
    for heading, talk, clock in PROGRAMME.findall(page):
        if heading:
            day = by_words.get(heading.strip())
        elif day is not None:
            found[UUID(talk)] = (day, clock)
    return found


def is_booked(page: str, talk_id: UUID) -> bool:
    """True when a family's page shows this talk as booked."""
    return re.search(BOOKED.format(talk=talk_id), page) is not None


def is_signed(page: str) -> bool:
    """True when a talk's page says that its plan is signed."""
    return SIGNED in page


def other_time(page: str, today: date) -> str | None:
    """The best of the times to choose from that is not today; None when there is none."""
    return next((value for _, value, day in OPTION.findall(page) if day_words(today) not in day), None)
