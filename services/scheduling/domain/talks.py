"""The talk: what somebody is to it, what each side may read and write when, and who signs the plan.

Each side prepares by itself and decides when the others may read it (“show”); that cannot be taken back, because what
has been read has been read. The school's preparation is never seen at home before (Unikum's process gate; decision
on the page: the pupil's and the home's own are treated the same way).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.scheduling.domain.rounds import Side
from shared.clock import age_on, is_of_age, local_date
from shared.events.scheduling import TalkState

# A pupil has the right to take part from this age on (NO forskrift til opplæringslova § 20-3, old numbering), and
# from then on the plan waits for their signature. Younger ones may sign.
PUPIL_SIGNS_FROM = 12
OPEN = frozenset({TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED})
OVER = frozenset({TalkState.HELD, TalkState.SIGNED})


class Part(StrEnum):
    """What somebody is to a talk."""

    SCHOOL = "school"  # its host, the pupil's mentor, the principal
    PUPIL = "pupil"
    HOME = "home"  # a guardian whose talk it is
    READER = "reader"  # let in by a consent: sees what was agreed


SIDES = {Part.SCHOOL: Side.SCHOOL, Part.PUPIL: Side.PUPIL, Part.HOME: Side.HOME}


def may_read(part: Part, side: Side, shown: bool) -> bool:
    """May somebody with this part read what that side has prepared? `shown`: that side has shown it."""
    if part is Part.READER:
        return False
    return shown or SIDES[part] is side


def may_prepare(part: Part, state: TalkState) -> bool:
    """May somebody with this part write their side's preparation, and show it, while the talk is in this state?"""
    return part in SIDES and state in OPEN


def may_hold(part: Part, state: TalkState, starts_at: datetime | None, now: datetime, zone: str) -> bool:
    """May it be noted now that the talk took place? Not before the day it is to take place on."""
    too_early = starts_at is not None and local_date(now, zone) < local_date(starts_at, zone)
    return part is Part.SCHOOL and (state in OPEN or state is TalkState.MISSED) and not too_early


def answered(codes: Iterable[str], typed: Mapping[str, Any]) -> dict[str, str]:
    """What was typed as an answer to these questions, without what is blank. NUL is nothing that anybody types."""
    said = {code: str(typed.get(code, "")).replace("\x00", "").replace("\r\n", "\n").strip() for code in codes}
    return {code: words for code, words in said.items() if words}


@dataclass(frozen=True)
class Signed:
    """Somebody has signed a version of the record."""

    person_id: UUID
    version: int
    at: datetime


@dataclass(frozen=True)
class Parties:
    """Whom a talk concerns at this moment. `guardian_ids`: those of the talk who still answer for the pupil.

    `host_id` holds it; anybody who signs without being the pupil or a guardian signs for the school.
    """

    pupil_id: UUID
    host_id: UUID | None
    guardian_ids: tuple[UUID, ...]
    all_guardian_ids: tuple[UUID, ...]
    born: date | None
    on: date

    @property
    def of_age(self) -> bool:
        """True when the pupil decides alone."""
        return self.born is not None and is_of_age(self.born, self.on)

    @property
    def pupil_must_sign(self) -> bool:
        """True when the plan waits for the pupil. Somebody whose age is unknown is waited for."""
        return self.born is None or age_on(self.born, self.on) >= PUPIL_SIGNS_FROM

    @property
    def homes(self) -> tuple[UUID, ...]:
        """The guardians the plan waits for."""
        return () if self.of_age else self.guardian_ids

    def for_school(self, person_id: UUID) -> bool:
        """True when this person's signature is the school's."""
        theirs = person_id == self.pupil_id or person_id in self.all_guardian_ids
        return person_id == self.host_id or not theirs


@dataclass(frozen=True)
class Missing:
    """Whose signature a version of the plan lacks."""

    school: bool
    pupil: bool
    guardian_ids: tuple[UUID, ...]

    def __bool__(self) -> bool:
        return self.school or self.pupil or bool(self.guardian_ids)


def missing(parties: Parties, signatures: Sequence[Signed], version: int) -> Missing:
    """Who has yet to sign this version. Signatures under earlier versions do not count."""
    signed = {one.person_id for one in signatures if one.version == version}
    return Missing(
        school=not any(parties.for_school(one) for one in signed),
        pupil=parties.pupil_must_sign and parties.pupil_id not in signed,
        guardian_ids=tuple(one for one in parties.homes if one not in signed),
    )


def may_sign(part: Part, parties: Parties, person_id: UUID) -> bool:
    """May this person sign the plan now?"""
    if part is Part.HOME:
        return person_id in parties.homes
    return part in (Part.SCHOOL, Part.PUPIL)
