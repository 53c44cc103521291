"""Who may let whom know about a pupil: checked on families of every kind."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.rights import Circle, choices, may_sign, may_withdraw, sign, withdraw
from shared.events.people import ConsentStated
from shared.events.roster import Guardianship, Marking, PersonStated, Relation
from shared.roster.access import consent_id, verdicts

ON, TENANT = date(2026, 11, 23), uuid4()
ADULTS = [UUID(int=n) for n in range(1, 6)]
ADULT = st.sampled_from(ADULTS)
BIRTHS = st.sampled_from([date(2014, 3, 1), date(2008, 11, 23), date(2008, 11, 24), date(2005, 1, 1)])
ENDS = st.sampled_from([None, ON, date(2027, 1, 1)])
TIES = st.lists(
    st.builds(Guardianship, guardian_id=ADULT, relation=st.sampled_from(Relation), ends=ENDS),
    max_size=5,
)


def circle(
    born: date,
    ties: list[Guardianship],
    signed: dict[UUID, frozenset[UUID]] | None = None,
    consents: list[ConsentStated] | None = None,
    marking: Marking = Marking.NONE,
    unknown: frozenset[UUID] = frozenset(),
) -> Circle:
    child = PersonStated(person_id=UUID(int=99), version=1, tenant_id=TENANT, born=born, marking=marking)
    people = {one: PersonStated(person_id=one, version=1, tenant_id=TENANT) for one in ADULTS if one not in unknown}
    names = {one: f"Person {one.int}" for one in ADULTS}
    stated = {one.person_id: one for one in consents or []}
    return Circle(child, ON, tuple(ties), people | {child.person_id: child}, names, stated, signed or {})


@given(BIRTHS, TIES, st.lists(st.tuples(ADULT, ADULT), max_size=8), st.frozensets(ADULT, max_size=2))
def test_a_consent_lets_in_exactly_when_everyone_who_decides_has_signed(
    born: date, ties: list[Guardianship], acts: list[tuple[UUID, UUID]], unknown: frozenset[UUID]
) -> None:
    signed: dict[UUID, frozenset[UUID]] = {}
    consents: dict[UUID, ConsentStated] = {}
    for number, (person, signer) in enumerate(acts):
        now = circle(born, ties, signed, list(consents.values()), unknown=unknown)
        signer = now.pupil.person_id if now.of_age else signer  # noqa: PLW2901
        if not may_sign(now, person, signer):
            continue
        stated = sign(now, person, signer, number)
        signed[person] = signed.get(person, frozenset()) | {signer}
        assert (stated is not None) is (signed[person] >= set(now.deciding()))
        if stated:
            consents[person] = stated
    now = circle(born, ties, signed, list(consents.values()), unknown=unknown)
    told = {one.guardian_id for one in verdicts(now.pupil, now.ties, now.persons, ON, consents.values()) if one.allowed}
    by_consent = told - set(now.deciding())
    assert by_consent == {one.person_id for one in choices(now) if one.holds}
    assert all(signed[one] >= set(now.deciding()) for one in by_consent)


@given(BIRTHS, TIES, ADULT, ADULT)
def test_nobody_without_the_word_signs_or_takes_back(
    born: date, ties: list[Guardianship], person: UUID, signer: UUID
) -> None:
    now = circle(born, ties, {person: frozenset({signer})})
    if signer not in now.deciding():
        assert not may_sign(now, person, signer)
        assert not may_withdraw(now, person, signer)


def test_nobody_decides_for_a_child_without_guardians() -> None:
    now = circle(date(2014, 1, 1), [Guardianship(guardian_id=ADULTS[0], relation=Relation.PARENT)])
    assert now.deciding() == ()
    assert not may_sign(now, ADULTS[0], ADULTS[0])


def test_taking_back_outdates_what_was_given() -> None:
    ties = [Guardianship(guardian_id=ADULTS[0], relation=Relation.GUARDIAN)]
    ties += [Guardianship(guardian_id=ADULTS[1], relation=Relation.PARENT)]
    stated = sign(circle(date(2014, 1, 1), ties), ADULTS[1], ADULTS[0], 1_000)
    assert stated is not None
    assert stated.consent_id == consent_id(UUID(int=99), ADULTS[1])
    back = withdraw(circle(date(2014, 1, 1), ties, consents=[stated]), ADULTS[1], 7)  # a clock that was set back
    assert back is not None
    assert (back.withdrawn, back.version) == (True, 1_001)
    assert withdraw(circle(date(2014, 1, 1), ties, consents=[back]), ADULTS[1], 8) is None


def test_a_pupil_with_a_protected_identity_lets_nobody_in_but_can_shut_anybody_out() -> None:
    ties = [Guardianship(guardian_id=ADULTS[0], relation=Relation.GUARDIAN)]
    ties += [Guardianship(guardian_id=ADULTS[1], relation=Relation.PARENT)]
    stated = sign(circle(date(2014, 1, 1), ties), ADULTS[1], ADULTS[0], 1)
    assert stated is not None
    now = circle(date(2014, 1, 1), ties, consents=[stated], marking=Marking.PROTECTED)
    assert not may_sign(now, ADULTS[1], ADULTS[0])
    assert may_withdraw(now, ADULTS[1], ADULTS[0])
