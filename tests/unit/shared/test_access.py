"""Who may be told: custody with its bounds, consents, 18, and everything that makes a right end."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import Guardianship, PersonStated, Relation
from shared.roster.access import Why, consent_id, may_be_told_by_consent, oneself, verdicts

DAY = date(2026, 11, 23)
BORN = date(2012, 5, 1)
MOTHER, FATHER, PARTNER, PUPIL = uuid4(), uuid4(), uuid4(), uuid4()


def pupil(born: date | None = BORN, *, active: bool = True) -> PersonStated:
    return PersonStated(person_id=PUPIL, version=1, born=born, active=active)


def grown_up(person_id: UUID) -> PersonStated:
    return PersonStated(person_id=person_id, version=1)


def consent(
    *given_by: UUID,
    basis: ConsentBasis = ConsentBasis.GUARDIANS,
    starts: date = DAY,
    ends: date | None = None,
    withdrawn: bool = False,
) -> ConsentStated:
    return ConsentStated(
        consent_id=consent_id(PUPIL, PARTNER),
        version=1,
        pupil_id=PUPIL,
        person_id=PARTNER,
        basis=basis,
        given_by=given_by,
        starts=starts,
        ends=ends,
        withdrawn=withdrawn,
    )


def judged(
    one: ConsentStated, child: PersonStated | None = None, *, deciding: tuple[UUID, ...] = (MOTHER, FATHER)
) -> Why:
    return may_be_told_by_consent(child or pupil(), one, grown_up(PARTNER), deciding, DAY).why


def test_a_partner_is_told_when_everyone_who_answers_for_the_child_has_agreed() -> None:
    assert judged(consent(MOTHER, FATHER)) is Why.GUARDIANS_AGREED


def test_one_parent_cannot_let_a_partner_in_alone() -> None:
    assert judged(consent(MOTHER)) is Why.CONSENT_NOT_THEIRS


def test_a_consent_is_over_when_somebody_who_did_not_agree_gets_custody() -> None:
    assert judged(consent(MOTHER), deciding=(MOTHER,)) is Why.GUARDIANS_AGREED
    assert judged(consent(MOTHER), deciding=(MOTHER, FATHER)) is Why.CONSENT_NOT_THEIRS


def test_nobody_can_agree_for_a_child_for_whom_nobody_answers() -> None:
    assert judged(consent(MOTHER, FATHER), deciding=()) is Why.CONSENT_NOT_THEIRS


def test_what_guardians_agreed_to_ends_when_the_pupil_turns_18() -> None:
    child = pupil(date(2008, 11, 23))
    assert judged(consent(MOTHER, FATHER), child) is Why.CONSENT_NOT_THEIRS
    assert judged(consent(PUPIL, basis=ConsentBasis.PUPIL), child) is Why.PUPIL_AGREED


def test_a_child_cannot_agree_alone_before_18() -> None:
    child = pupil(date(2008, 11, 24))
    assert judged(consent(PUPIL, basis=ConsentBasis.PUPIL), child) is Why.CONSENT_NOT_THEIRS


@pytest.mark.parametrize(
    "over",
    [
        consent(MOTHER, FATHER, withdrawn=True),
        consent(MOTHER, FATHER, starts=DAY + timedelta(days=1)),
        consent(MOTHER, FATHER, starts=DAY - timedelta(days=9), ends=DAY),
    ],
    ids=["withdrawn", "not begun", "ended today"],
)
def test_a_consent_counts_only_while_it_is_in_force(over: ConsentStated) -> None:
    assert judged(over) is Why.CONSENT_OVER


def test_a_guardian_of_a_grown_pupil_is_told_again_when_the_pupil_agrees() -> None:
    child = pupil(date(2008, 1, 1))
    ties = [Guardianship(guardian_id=MOTHER, relation=Relation.GUARDIAN)]
    agreed = consent(PUPIL, basis=ConsentBasis.PUPIL).model_copy(update={"person_id": MOTHER})
    people = {MOTHER: grown_up(MOTHER)}
    assert [v.why for v in verdicts(child, ties, people, DAY)] == [Why.PUPIL_ADULT]
    assert [v.why for v in verdicts(child, ties, people, DAY, [agreed])] == [Why.PUPIL_AGREED]


def test_a_guardian_of_whom_the_registry_has_not_told_us_yet_must_agree_too() -> None:
    ties = [Guardianship(guardian_id=one, relation=Relation.GUARDIAN) for one in (MOTHER, FATHER)]
    people = {one: grown_up(one) for one in (MOTHER, PARTNER)}
    said = {v.guardian_id: v.why for v in verdicts(pupil(), ties, people, DAY, [consent(MOTHER)])}
    assert said == {MOTHER: Why.ANSWERS_FOR, FATHER: Why.GUARDIAN_UNKNOWN, PARTNER: Why.CONSENT_NOT_THEIRS}


def test_a_right_of_ones_own_is_named_before_a_consent() -> None:
    ties = [Guardianship(guardian_id=PARTNER, relation=Relation.GUARDIAN)]
    [verdict] = verdicts(pupil(), ties, {PARTNER: grown_up(PARTNER)}, DAY, [consent(PARTNER)])
    assert verdict.why is Why.ANSWERS_FOR


@pytest.mark.parametrize(
    ("child", "why"),
    [
        (pupil(date(2008, 11, 23)), Why.ONESELF),
        (pupil(date(2008, 11, 24)), Why.NOT_OF_AGE),
        (pupil(None), Why.AGE_UNKNOWN),
        (pupil(date(2000, 1, 1), active=False), Why.PUPIL_GONE),
    ],
    ids=["18 today", "18 tomorrow", "age unknown", "has left"],
)
def test_only_an_active_pupil_of_age_is_asked_alone(child: PersonStated, why: Why) -> None:
    assert oneself(child, DAY).why is why
    assert oneself(child, DAY).allowed is (why is Why.ONESELF)


@given(st.data())
def test_nothing_lets_anybody_know_about_a_pupil_who_is_gone_or_whose_age_is_unknown(data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from([pupil(active=False), pupil(None)]))
    relations = data.draw(st.lists(st.sampled_from(list(Relation)), max_size=3))
    ties = [Guardianship(guardian_id=MOTHER, relation=relation) for relation in relations]
    basis = data.draw(st.sampled_from(list(ConsentBasis)))
    people = {person_id: grown_up(person_id) for person_id in (MOTHER, PARTNER)}
    said = verdicts(gone, ties, people, DAY, [consent(MOTHER, PUPIL, basis=basis)])
    assert not any(verdict.allowed for verdict in said)
