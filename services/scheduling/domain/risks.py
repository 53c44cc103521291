"""Absence by subject as it is laid on the table: shares, what they mean for assessment, and how they have moved.

Lessons that nobody reported count neither way. No reason is ever shown here: at most whether there was one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.languages import N_
from shared.roster.standing import NORWEGIAN_ZONES

# Share of a subject's hours missed without a known reason from which there may be no ground for a mark, and from which
# that is near: (risk, near). NO forskrift til opplæringslova § 9-8 (2024): 10 per cent of the year's hours, in upper
# secondary school. Sweden has no such number. The share here is of the hours given so far, so it is a warning only.
LIMITS: Mapping[str, tuple[float, float]] = {"NO": (0.10, 0.06)}
NOTEWORTHY = 0.15  # of all hours, where no law has a number: worth talking about
SAME = 0.02  # a difference below this is none


class Risk(StrEnum):
    """What a share may mean."""

    NONE = "none"
    NEAR = "near"
    RISK = "risk"
    TALK = "talk"


class Trend(StrEnum):
    """How absence has moved since the last talk."""

    UNKNOWN = "unknown"
    MORE = "more"
    SAME = "same"
    LESS = "less"


RISKS: Mapping[Risk, tuple[str, str]] = {
    Risk.NEAR: (N_("Near the limit"), "wait"),
    Risk.RISK: (N_("Risk of no assessment"), "alarm"),
    Risk.TALK: (N_("Worth talking about"), "wait"),
}
TRENDS: Mapping[Trend, str] = {
    Trend.MORE: N_("More absence than at the last talk"),
    Trend.SAME: N_("About as much absence as at the last talk"),
    Trend.LESS: N_("Less absence than at the last talk"),
}


@dataclass(frozen=True)
class Share:
    """One subject: minutes planned in reported lessons, minutes missed, and of those the ones without a reason."""

    subject_id: UUID | None
    lessons: int
    planned: int
    missed: int
    unexplained: int
    risk: Risk
    trend: Trend


@dataclass(frozen=True)
class Absence:
    """All subjects, the gravest first, and their sum."""

    subjects: tuple[Share, ...]
    planned: int
    missed: int
    unexplained: int
    trend: Trend

    @property
    def at_risk(self) -> list[Share]:
        """The subjects to talk about."""
        return [one for one in self.subjects if one.risk is not Risk.NONE]


def country(zone: str) -> str:
    """Whose rules hold where the school is."""
    return "NO" if zone in NORWEGIAN_ZONES else "SE"


def absence(
    subjects: Iterable[Mapping[str, Any]], zone: str, before: Iterable[Mapping[str, Any]] | None = None
) -> Absence:
    """The table, from `AbsenceSum.subjects`; `before` are the sums as they stood at the last talk."""
    now, then = list(subjects), None if before is None else {one.get("subject_id"): one for one in before}
    limits = LIMITS.get(country(zone))
    shares = [_share(one, limits, None if then is None else then.get(one.get("subject_id"))) for one in now]
    shares.sort(key=lambda one: (-_part(one.unexplained, one.planned), -_part(one.missed, one.planned)))
    planned, missed = sum(one.planned for one in shares), sum(one.missed for one in shares)
    earlier = None if then is None else _sum(then.values())
    unexplained = sum(one.unexplained for one in shares)
    return Absence(tuple(shares), planned, missed, unexplained, _trend(missed, planned, earlier))


def _share(one: Mapping[str, Any], limits: tuple[float, float] | None, then: Mapping[str, Any] | None) -> Share:
    planned, unexplained = int(one["planned"]), int(one["invalid"])
    missed = int(one["valid"]) + unexplained
    subject = one.get("subject_id")
    return Share(
        UUID(str(subject)) if subject else None,
        int(one["lessons"]),
        planned,
        missed,
        unexplained,
        _risk(planned, missed, unexplained, limits),
        _trend(missed, planned, None if then is None else _sum([then])),
    )


def _risk(planned: int, missed: int, unexplained: int, limits: tuple[float, float] | None) -> Risk:
    if limits is None:
        return Risk.TALK if _part(missed, planned) >= NOTEWORTHY else Risk.NONE
    risk, near = limits
    part = _part(unexplained, planned)
    if part >= risk:
        return Risk.RISK
    return Risk.NEAR if part >= near else Risk.NONE


def _trend(missed: int, planned: int, then: tuple[int, int] | None) -> Trend:
    if then is None or not planned or not then[1]:
        return Trend.UNKNOWN
    moved = _part(missed, planned) - _part(*then)
    if abs(moved) < SAME:
        return Trend.SAME
    return Trend.MORE if moved > 0 else Trend.LESS


def _sum(subjects: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    found = list(subjects)
    return sum(int(one["valid"]) + int(one["invalid"]) for one in found), sum(int(one["planned"]) for one in found)


def _part(some: int, whole: int) -> float:
    return some / whole if whole else 0.0
