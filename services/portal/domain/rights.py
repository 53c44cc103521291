"""Whom a home lets know besides those who answer for the pupil: who may sign, for whom, and when it counts.

Under 18 everyone who answers for the pupil signs (föräldrabalken 6 kap 11 and 13 §§: those who have custody decide
together); from 18 on the pupil alone decides, and grants what the former guardians had. `shared.roster.access`
judges every consent anew at every use; here is only what makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.clock import is_of_age
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import Guardianship, PersonStated
from shared.roster.access import (
    ANSWERS_FOR_THE_PUPIL,
    consent_id,
    deciding,
    is_protected,
    may_be_told_by_consent,
    verdicts,
)


@dataclass(frozen=True)
class Circle:
    """One pupil with everyone the registry ties to them, and what was signed and stated so far."""

    pupil: PersonStated
    on: date
    ties: tuple[Guardianship, ...] = ()
    persons: Mapping[UUID, PersonStated] = field(default_factory=dict)
    names: Mapping[UUID, str] = field(default_factory=dict)
    consents: Mapping[UUID, ConsentStated] = field(default_factory=dict)  # by the person who is let know
    signed: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)  # by the person: who has signed

    @property
    def of_age(self) -> bool:
        """True when the pupil alone decides."""
        return self.pupil.born is not None and is_of_age(self.pupil.born, self.on)

    @property
    def protected(self) -> bool:
        """True when nobody is let in from a page: with a protected pupil the school meets people face to face."""
        return is_protected(self.pupil)

    def name_of(self, person_id: UUID) -> str | None:
        """A name that may be shown on a page to others: none of somebody with a protected identity."""
        return None if is_protected(self.persons.get(person_id)) else self.names.get(person_id)

    def deciding(self) -> tuple[UUID, ...]:
        """Who must sign: the pupil of age, else everyone who has a say on that day."""
        if self.of_age:
            return (self.pupil.person_id,)
        return tuple(sorted(deciding(verdicts(self.pupil, self.ties, self.persons, self.on))))


@dataclass(frozen=True)
class Choice:
    """One grown-up who may be let know. `name` is None when their identity is protected."""

    person_id: UUID
    name: str | None
    former: bool  # a guardian until the pupil came of age
    signed: tuple[UUID, ...]
    missing: tuple[UUID, ...]
    holds: bool

    @property
    def begun(self) -> bool:
        """True when somebody has signed, so that there is something to withdraw."""
        return self.holds or bool(self.signed)


def choices(circle: Circle) -> list[Choice]:
    """Everyone who can be let know about the pupil, or is: by name."""
    deciding = circle.deciding()
    mine = [_choice(circle, one, deciding) for one in _open_to(circle, deciding)]
    shown = [one for one in mine if one.begun or (one.name is not None and not circle.protected)]
    return sorted(shown, key=lambda one: (one.name or "", one.person_id))


def sign(circle: Circle, person_id: UUID, signer: UUID, version: int) -> ConsentStated | None:
    """What the consent says once this signature is there; None while others have not signed."""
    deciding = circle.deciding()
    signed = (circle.signed.get(person_id, frozenset()) | {signer}) & set(deciding)
    if signed != set(deciding):
        return None
    return _stated(circle, person_id, tuple(sorted(signed)), version)


def withdraw(circle: Circle, person_id: UUID, version: int) -> ConsentStated | None:
    """What the consent says once one of those who decide takes it back; None when it never held."""
    before = circle.consents.get(person_id)
    if before is None or before.withdrawn:
        return None
    return before.model_copy(update={"version": max(version, before.version + 1), "withdrawn": True})


def may_sign(circle: Circle, person_id: UUID, signer: UUID) -> bool:
    """True when this reader decides about the pupil and this person can be let know by a page."""
    return signer in circle.deciding() and person_id in {
        one.person_id for one in choices(circle) if one.name is not None and not circle.protected
    }


def may_withdraw(circle: Circle, person_id: UUID, signer: UUID) -> bool:
    """True for everyone who decides, alone and at once."""
    return signer in circle.deciding() and any(one.person_id == person_id and one.begun for one in choices(circle))


def _open_to(circle: Circle, deciding: Iterable[UUID]) -> set[UUID]:
    """Whom the registry ties to the pupil without a right of their own, and who has been let know before."""
    tied = {tie.guardian_id for tie in circle.ties if circle.of_age or tie.relation not in ANSWERS_FOR_THE_PUPIL}
    known = {one for one in tied if (person := circle.persons.get(one)) and person.active}
    let_in = {one for one, consent in circle.consents.items() if not consent.withdrawn}
    return (known | let_in | set(circle.signed)) - set(deciding)


def _choice(circle: Circle, person_id: UUID, deciding: Iterable[UUID]) -> Choice:
    person = circle.persons.get(person_id)
    signed = circle.signed.get(person_id, frozenset())
    guarding = {tie.guardian_id for tie in circle.ties if tie.relation in ANSWERS_FOR_THE_PUPIL}
    return Choice(
        person_id=person_id,
        name=circle.name_of(person_id) if person else None,
        former=circle.of_age and person_id in guarding,
        signed=tuple(one for one in deciding if one in signed),
        missing=tuple(one for one in deciding if one not in signed),
        holds=_holds(circle, person_id, deciding),
    )


def _holds(circle: Circle, person_id: UUID, deciding: Iterable[UUID]) -> bool:
    consent = circle.consents.get(person_id)
    if consent is None:
        return False
    person = circle.persons.get(person_id)
    return may_be_told_by_consent(circle.pupil, consent, person, deciding, circle.on).allowed


def _stated(circle: Circle, person_id: UUID, signed: tuple[UUID, ...], version: int) -> ConsentStated:
    before = circle.consents.get(person_id)
    return ConsentStated(
        consent_id=consent_id(circle.pupil.person_id, person_id),
        version=max(version, before.version + 1) if before else version,
        tenant_id=circle.pupil.tenant_id,
        pupil_id=circle.pupil.person_id,
        person_id=person_id,
        basis=ConsentBasis.PUPIL if circle.of_age else ConsentBasis.GUARDIANS,
        given_by=signed,
        starts=circle.on,
    )
