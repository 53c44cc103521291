"""What a school informs its homes about, edition by edition: a new one replaces, and the earlier stay to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum

from shared.clock import school_year
from shared.languages import N_

BLANK = re.compile(r"\n\s*\n")


class Topic(StrEnum):
    """The closed vocabulary of school information."""

    GOALS = "goals"  # what is to be learned in the year
    WORK_PLAN = "work_plan"  # how the year is worked through
    EXPECTATIONS = "expectations"  # what the home can expect of the school, and contribute
    SUPPORT = "support"  # what support there is, and how one gets it
    STUDY_WORKSHOP = "study_workshop"  # help with homework, when and where


TOPICS = {
    Topic.GOALS: N_("Goals"),
    Topic.WORK_PLAN: N_("Plan of work"),
    Topic.EXPECTATIONS: N_("What the home can expect and contribute"),
    Topic.SUPPORT: N_("Offers of support"),
    Topic.STUDY_WORKSHOP: N_("Study workshop"),
}
ABOUT = {
    Topic.GOALS: N_("What the pupils are to learn in the year, and how it is judged."),
    Topic.WORK_PLAN: N_("What is worked with when, in the subjects and across them."),
    Topic.EXPECTATIONS: N_("What you can expect of the school, and what helps at home."),
    Topic.SUPPORT: N_("What help there is for a pupil who needs it, and whom to talk to."),
    Topic.STUDY_WORKSHOP: N_("When and where there is help with homework. It costs nothing."),
}


@dataclass(frozen=True)
class Changes:
    """What a new edition did to the paragraphs of the one before."""

    changed: int = 0
    added: int = 0
    removed: int = 0

    @property
    def any(self) -> bool:
        """False when not a word is different."""
        return bool(self.changed or self.added or self.removed)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What is different between two editions in one language, part by part, counted in paragraphs.

    Where a stretch of paragraphs gave way to another, as many as both have were changed; the rest are new, or gone.
    """
    found = Changes()
    for part in sorted({*before, *after}):
        found = _counted(found, paragraphs(before.get(part, "")), paragraphs(after.get(part, "")))
    return found


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, spaces and line ends being all the same."""
    return [" ".join(one.split()) for one in BLANK.split(text.replace("\r\n", "\n")) if one.strip()]


def year_of(day: date) -> str:
    """The school year that a day is in, as it is written: “2026/2027”."""
    first = school_year(day).year
    return f"{first}/{first + 1}"


def known_topic(said: str | None) -> Topic | None:
    """The topic of that name; None for what is none."""
    return Topic(said) if said in set(Topic) else None


def _counted(found: Changes, before: list[str], after: list[str]) -> Changes:
    for what, left, left_end, right, right_end in _steps(before, after):
        gone, come = left_end - left, right_end - right
        both = min(gone, come) if what == "replace" else 0
        found = Changes(found.changed + both, found.added + come - both, found.removed + gone - both)
    return found


def _steps(before: list[str], after: list[str]) -> Iterable[tuple[str, int, int, int, int]]:
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [one for one in steps if one[0] != "equal"]
