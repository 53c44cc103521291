"""The generator's truths."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from services.demo.municipality import grow
from services.demo.people import Case, Municipality, Pupil, Relation, Tie
from services.registry.domain.values import CIVIC_NO
from tests.unit.demo.world import MONDAY, SEED, small_municipality


@pytest.fixture(scope="module")
def whole() -> Municipality:
    return grow(SEED, MONDAY)


def families(whole: Municipality) -> dict[object, list[Pupil]]:
    found: dict[object, list[Pupil]] = {}
    for pupil in whole.pupils.values():
        found.setdefault(pupil.ties[0].adult_id, []).append(pupil)
    return found


def test_there_are_three_schools_and_1200_pupils_in_classes_of_at_most_25(whole: Municipality) -> None:
    seats = Counter(pupil.school_class.id for pupil in whole.pupils.values())
    assert len(whole.schools) == 3
    assert len(whole.pupils) == 1200
    assert len(whole.classes) == 48
    assert max(seats.values()) <= 25


def test_the_same_seed_grows_the_same_municipality() -> None:
    one, other = small_municipality(), small_municipality()
    assert one.pupils == other.pupils
    assert one.adults == other.adults
    assert small_municipality(200).pupils != one.pupils


def test_every_pupil_has_a_grown_up_and_every_grown_up_a_pupil(whole: Municipality) -> None:
    tied = {tie.adult_id for pupil in whole.pupils.values() for tie in pupil.ties}
    assert tied == whole.adults.keys()
    assert all(pupil.ties for pupil in whole.pupils.values())


def test_some_siblings_go_to_two_schools(whole: Municipality) -> None:
    apart = [kids for kids in families(whole).values() if len({kid.school_class.school.id for kid in kids}) > 1]
    assert len(apart) > 50
    assert len(whole.with_case(Case.TWO_SCHOOLS)) == 6


def test_siblings_are_twins_or_born_at_least_nine_months_apart(whole: Municipality) -> None:
    for kids in families(whole).values():
        born = sorted({kid.born for kid in kids if kid.case is not Case.BIRTHDAY})
        assert all((later - earlier).days > 270 for earlier, later in pairwise(born))


def test_separated_guardians_have_addresses_of_their_own(whole: Municipality) -> None:
    streets = [{whole.adults[tie.adult_id].street for tie in kids[0].ties} for kids in families(whole).values()]
    assert sum(len(street) == 2 for street in streets) > 50


def test_exactly_one_parent_has_no_rights(whole: Municipality) -> None:
    ties = [tie for pupil in whole.pupils.values() for tie in pupil.ties if tie.relation is Relation.PARENT]
    [pupil] = whole.with_case(Case.NO_RIGHTS)
    assert len(ties) == 1
    assert ties[0].adult_id not in {adult.id for adult in whole.entitled(pupil.id, MONDAY)}
    assert len(whole.entitled(pupil.id, MONDAY)) == 1


def test_three_pupils_have_a_protected_identity(whole: Municipality) -> None:
    marked = [pupil.marking for pupil in whole.pupils.values() if pupil.marking != "Ingen"]
    assert sorted(marked) == ["Sekretessmarkering", "Sekretessmarkering", "Skyddad folkbokföring"]


def test_a_custody_that_has_ended_or_not_begun_gives_no_right(whole: Municipality) -> None:
    for pupil in [*whole.with_case(Case.ENDED), *whole.with_case(Case.NOT_BEGUN)]:
        assert [adult.id for adult in whole.entitled(pupil.id, MONDAY)] == [pupil.ties[0].adult_id]
    begins_tomorrow = whole.with_case(Case.NOT_BEGUN)[0]
    assert len(whole.entitled(begins_tomorrow.id, MONDAY + timedelta(days=1))) == 2


def test_custody_holds_from_its_first_day_until_before_its_end() -> None:
    tie = Tie(SOMEBODY, Relation.CUSTODY, date(2026, 3, 1), date(2026, 4, 1))
    assert [tie.entitles(date(2026, *day)) for day in ((2, 28), (3, 1), (3, 31), (4, 1))] == [False, True, True, False]


def test_guardians_are_told_nothing_from_the_18th_birthday_on(whole: Municipality) -> None:
    [pupil] = whole.with_case(Case.BIRTHDAY)
    assert len(whole.with_case(Case.ADULT)) > 50
    assert whole.entitled(pupil.id, MONDAY - timedelta(days=1))
    assert not whole.entitled(pupil.id, MONDAY)


@pytest.mark.parametrize(
    ("day", "of_age"), [(date(2030, 2, 28), False), (date(2030, 3, 1), True), (date(2032, 2, 29), True)]
)
def test_one_born_on_the_29th_of_february_is_of_age_from_the_first_of_march(
    whole: Municipality, day: date, of_age: bool
) -> None:
    pupil = next(iter(whole.pupils.values()))
    leap = Pupil(pupil.id, "Juni", "Ek", date(2012, 2, 29), pupil.school_class, pupil.ties)
    assert leap.adult_on(day) is of_age


def test_nobody_reaches_those_without_address_and_played_addresses_are_known(whole: Municipality) -> None:
    reached = {
        case: [any(adult.reachable for adult in whole.entitled(p.id, MONDAY)) for p in whole.with_case(case)]
        for case in (Case.NO_MAIL, Case.BOUNCE_ALL, Case.BOUNCE_ONE, Case.DEFER, Case.SLOW)
    }
    assert not any(reached[Case.NO_MAIL] + reached[Case.BOUNCE_ALL])
    assert all(reached[Case.BOUNCE_ONE] + reached[Case.DEFER] + reached[Case.SLOW])
    assert sum(adult.simulated for adult in whole.adults.values()) == 8


def test_every_address_belongs_to_one_person(whole: Municipality) -> None:
    real = [email for adult in whole.adults.values() for email in adult.emails if not adult.simulated]
    assert len(real) == len(set(real))


def test_nobody_has_anothers_number_or_account(whole: Municipality) -> None:
    pupils, adults, employees = whole.pupils.values(), whole.adults.values(), whole.employees
    numbers = [*(p.civic_no for p in pupils), *(a.civic_no for a in adults), *(e.civic_no for e in employees)]
    accounts = [*(pupil.account for pupil in pupils), *(employee.account for employee in employees)]
    assert len(set(numbers)) == len(numbers)
    assert len(set(accounts)) == len(accounts)
    assert all(CIVIC_NO.fullmatch(number) for number in numbers)
    assert {adult.civic_no[:4] for adult in whole.adults.values()} <= {str(year) for year in range(1960, 1993)}


def test_two_people_work_for_the_municipality_itself_and_none_of_them_is_a_principal(whole: Municipality) -> None:
    office = [employee for employee in whole.employees if employee.school_id == whole.owner_id]
    assert [employee.role for employee in office] == ["Annan personal", "Övrig arbetsledning"]
    assert sum(employee.role == "Rektor" for employee in whole.employees) == len(whole.schools)


def test_a_guardian_whom_the_registry_has_just_named_is_not_told_before_a_person_has_looked() -> None:
    whole = small_municipality(120)
    pupil = next(iter(whole.pupils.values()))
    told, robin = whole.entitled(pupil.id, MONDAY), replace(next(iter(whole.adults.values())), id=uuid4())
    whole.join(pupil.id, robin)
    assert robin.id in {tie.adult_id for tie in pupil.ties}
    assert {adult.id for adult in whole.entitled(pupil.id, MONDAY)} == {adult.id for adult in told}


def test_too_small_a_municipality_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="at least 120 pupils"):
        grow(SEED, MONDAY, 3, 50)


SOMEBODY = next(iter(small_municipality(120).adults))
