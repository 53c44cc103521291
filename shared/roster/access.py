"""Who may be told about a pupil, and why. The one place that decides; nothing else in the code does.

Asked at the moment of sending, never stored: custody, age and marking change, and a message that reaches the
wrong parent can be dangerous. Every answer carries its reason, so that a message can say why it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import is_of_age
from shared.events.roster import Guardianship, GuardianshipsStated, Marking, PersonStated, Relation
from shared.roster.projection import known

ANSWERS_FOR_THE_PUPIL = (Relation.GUARDIAN, Relation.APPOINTED)


class Why(StrEnum):
    """Why somebody may or may not be told."""

    ANSWERS_FOR = "answers for the pupil on that day"
    NO_CUSTODY = "has no custody, and nobody has recorded a consent"
    NOT_YET = "the custody has not begun"
    ENDED = "the custody has ended"
    PUPIL_ADULT = "the pupil is 18 or older and alone decides"
    AGE_UNKNOWN = "the pupil's date of birth is unknown, so a person must look"
    PUPIL_GONE = "the pupil is not active in the registry"
    GUARDIAN_GONE = "the guardian is not active in the registry"
    GUARDIAN_UNKNOWN = "the registry has not told us who the guardian is"


@dataclass(frozen=True)
class Verdict:
    """May this guardian be told about this pupil, and why (not)."""

    guardian_id: UUID
    allowed: bool
    why: Why


def may_be_told(pupil: PersonStated, tie: Guardianship, guardian: PersonStated | None, on: date) -> Verdict:
    """Decide for one tie on one day, the school's local date."""
    why = _why_not_pupil(pupil, on) or _why_not_tie(tie, on) or _why_not_guardian(guardian)
    return Verdict(tie.guardian_id, why is None, why or Why.ANSWERS_FOR)


def verdicts(
    pupil: PersonStated, ties: Iterable[Guardianship], persons: Mapping[UUID, PersonStated], on: date
) -> list[Verdict]:
    """A verdict for each grown-up, the best tie counting when somebody has several to the same pupil."""
    best: dict[UUID, Verdict] = {}
    for tie in ties:
        verdict = may_be_told(pupil, tie, persons.get(tie.guardian_id), on)
        if tie.guardian_id not in best or verdict.allowed:
            best[tie.guardian_id] = verdict
    return list(best.values())


def is_protected(*people: PersonStated | None) -> bool:
    """True when one of them has a protected identity: the message may then name no school and no place."""
    return any(person is not None and person.marking is not Marking.NONE for person in people)


@dataclass(frozen=True)
class Family:
    """One pupil with everyone who has a tie, as the roster knows them now."""

    pupil: PersonStated
    verdicts: list[Verdict]
    persons: Mapping[UUID, PersonStated]

    def to_tell(self) -> list[UUID]:
        """Those who may be told."""
        return [verdict.guardian_id for verdict in self.verdicts if verdict.allowed]

    def protected(self, guardian_id: UUID) -> bool:
        """True when a message between these two must be neutral."""
        return is_protected(self.pupil, self.persons.get(guardian_id))


async def families(
    session: AsyncSession, roster: Table, pupil_ids: Iterable[UUID], on: Mapping[UUID, date]
) -> dict[UUID, Family]:
    """The families of these pupils, judged on each pupil's date in `on`. An unknown pupil is not in the answer."""
    pupils = await known(session, roster, PersonStated, pupil_ids)
    ties = await known(session, roster, GuardianshipsStated, pupils)
    grown_ups = {tie.guardian_id for stated in ties.values() for tie in stated.ties}
    persons = await known(session, roster, PersonStated, grown_ups)
    return {
        pupil_id: Family(pupil, verdicts(pupil, _ties(ties.get(pupil_id)), persons, on[pupil_id]), persons)
        for pupil_id, pupil in pupils.items()
    }


def _ties(stated: GuardianshipsStated | None) -> tuple[Guardianship, ...]:
    return stated.ties if stated else ()


def _why_not_pupil(pupil: PersonStated, on: date) -> Why | None:
    if not pupil.active:
        return Why.PUPIL_GONE
    if pupil.born is None:
        return Why.AGE_UNKNOWN
    return Why.PUPIL_ADULT if is_of_age(pupil.born, on) else None


def _why_not_tie(tie: Guardianship, on: date) -> Why | None:
    if tie.relation not in ANSWERS_FOR_THE_PUPIL:
        return Why.NO_CUSTODY
    if tie.starts is not None and on < tie.starts:
        return Why.NOT_YET
    return Why.ENDED if tie.ends is not None and on >= tie.ends else None


def _why_not_guardian(guardian: PersonStated | None) -> Why | None:
    if guardian is None:
        return Why.GUARDIAN_UNKNOWN
    return None if guardian.active else Why.GUARDIAN_GONE
