"""Who may be told about a pupil, and why. The one place that decides; nothing else in the code does.

Asked at the moment of sending or showing, never stored: custody, age and marking change, and a message that reaches
the wrong parent can be dangerous. Every answer carries its reason, so that a message can say why it came.
`shared.roster.standing` asks the same questions from the other side: what may this person see.
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
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import Guardianship, GuardianshipsStated, Marking, PersonStated, Relation
from shared.ids import derived_id
from shared.roster.projection import Link, known, linked

ANSWERS_FOR_THE_PUPIL = (Relation.GUARDIAN, Relation.APPOINTED)


class Why(StrEnum):
    """Why somebody may or may not be told."""

    ANSWERS_FOR = "answers for the pupil on that day"
    ONESELF = "is the pupil, who is of age and alone decides"
    PUPIL_AGREED = "the pupil, being of age, has agreed"
    GUARDIANS_AGREED = "everyone who answers for the pupil has agreed"
    NO_CUSTODY = "has no custody, and nobody has recorded a consent"
    NOT_YET = "the custody has not begun"
    ENDED = "the custody has ended"
    NOT_OF_AGE = "the pupil is not 18 yet, so there is nothing to ask"
    PUPIL_ADULT = "the pupil is 18 or older and alone decides"
    AGE_UNKNOWN = "the pupil's date of birth is unknown, so a person must look"
    PUPIL_GONE = "the pupil is not active in the registry"
    GUARDIAN_GONE = "the guardian is not active in the registry"
    GUARDIAN_UNKNOWN = "the registry has not told us who the guardian is"
    CONSENT_OVER = "the consent is not in force"
    CONSENT_NOT_THEIRS = "the consent was not given by those who now decide"


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


def may_be_told_by_consent(
    pupil: PersonStated, consent: ConsentStated, person: PersonStated | None, deciding: Iterable[UUID], on: date
) -> Verdict:
    """Decide for one consent on one day; `deciding` are those who answer for the pupil on that day.

    Under 18 everyone who answers for the pupil must have agreed: one parent cannot let in a partner alone. From 18
    on only the pupil's own word counts, and what guardians agreed to is over.
    """
    why = (
        _why_not_person(pupil, person) or _why_not_consent(consent, on) or _why_not_theirs(pupil, consent, deciding, on)
    )
    agreed = Why.PUPIL_AGREED if consent.basis is ConsentBasis.PUPIL else Why.GUARDIANS_AGREED
    return Verdict(consent.person_id, why is None, why or agreed)


def verdicts(
    pupil: PersonStated,
    ties: Iterable[Guardianship],
    persons: Mapping[UUID, PersonStated],
    on: date,
    consents: Iterable[ConsentStated] = (),
) -> list[Verdict]:
    """A verdict for each grown-up, the best counting when somebody has several ties or consents to the same pupil."""
    best: dict[UUID, Verdict] = {}
    for tie in ties:
        _keep_best(best, may_be_told(pupil, tie, persons.get(tie.guardian_id), on))
    decide = deciding(best.values())
    for consent in consents:
        person = persons.get(consent.person_id)
        _keep_best(best, may_be_told_by_consent(pupil, consent, person, decide, on))
    return list(best.values())


def deciding(judged: Iterable[Verdict]) -> list[UUID]:
    """Who has a say about a pupil under 18, of those who were judged by their ties.

    Somebody with custody of whom the registry has not told us yet has a say all the same.
    """
    return [one.guardian_id for one in judged if one.why in (Why.ANSWERS_FOR, Why.GUARDIAN_UNKNOWN)]


def oneself(pupil: PersonStated, on: date) -> Verdict:
    """May this pupil be asked alone, as one who is of age on that day, the school's local date?"""
    gone = None if pupil.active else Why.PUPIL_GONE
    why = gone or (Why.AGE_UNKNOWN if pupil.born is None else None)
    if why is None and pupil.born is not None and not is_of_age(pupil.born, on):
        why = Why.NOT_OF_AGE
    return Verdict(pupil.person_id, why is None, why or Why.ONESELF)


def in_force(starts: date | None, ends: date | None, day: date) -> bool:
    """True on `starts <= day < ends`, an open end counting as never."""
    return (starts is None or starts <= day) and (ends is None or day < ends)


def is_protected(*people: PersonStated | None) -> bool:
    """True when one of them has a protected identity: the message may then name no school and no place."""
    return any(person is not None and person.marking is not Marking.NONE for person in people)


def consent_id(pupil_id: UUID, person_id: UUID) -> UUID:
    """The id of the consent that lets this person know about this pupil."""
    return derived_id("consent", pupil_id, person_id)


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
    given = await linked(session, roster, ConsentStated, Link.CONSENT, out_of=pupils)
    consents: dict[UUID, list[ConsentStated]] = {}
    for consent in given:
        consents.setdefault(consent.pupil_id, []).append(consent)
    grown_ups = {tie.guardian_id for stated in ties.values() for tie in stated.ties}
    persons = await known(session, roster, PersonStated, grown_ups | {consent.person_id for consent in given})
    return {
        pupil_id: Family(
            pupil,
            verdicts(pupil, ties_of(ties.get(pupil_id)), persons, on[pupil_id], consents.get(pupil_id, ())),
            persons,
        )
        for pupil_id, pupil in pupils.items()
    }


def ties_of(stated: GuardianshipsStated | None) -> tuple[Guardianship, ...]:
    """The ties in a statement that may be missing."""
    return stated.ties if stated else ()


def _keep_best(best: dict[UUID, Verdict], verdict: Verdict) -> None:
    before = best.get(verdict.guardian_id)
    if before is None or (verdict.allowed and not before.allowed):
        best[verdict.guardian_id] = verdict


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


def _why_not_person(pupil: PersonStated, person: PersonStated | None) -> Why | None:
    if not pupil.active:
        return Why.PUPIL_GONE
    return Why.AGE_UNKNOWN if pupil.born is None else _why_not_guardian(person)


def _why_not_consent(consent: ConsentStated, on: date) -> Why | None:
    holds = not consent.withdrawn and in_force(consent.starts, consent.ends, on)
    return None if holds else Why.CONSENT_OVER


def _why_not_theirs(pupil: PersonStated, consent: ConsentStated, deciding: Iterable[UUID], on: date) -> Why | None:
    """Who has the word now: from 18 on the pupil alone, before that everyone who answers for the pupil."""
    of_age = pupil.born is not None and is_of_age(pupil.born, on)
    basis = ConsentBasis.PUPIL if of_age else ConsentBasis.GUARDIANS
    needed = {pupil.person_id} if of_age else set(deciding)
    agreed = consent.basis is basis and bool(needed) and needed <= set(consent.given_by)
    return None if agreed else Why.CONSENT_NOT_THEIRS
