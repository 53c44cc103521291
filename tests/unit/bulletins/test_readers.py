"""Who may read what was sent, in which language, and how it stands with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.readers import (
    Belongs,
    Mark,
    Sent,
    answers_for,
    as_staff,
    concerns,
    in_order,
    language_for,
    mark,
    pupils_of,
)
from shared.events.roster import GroupStated, PersonStated, SchoolStated
from shared.roster.access import Why
from shared.roster.standing import Child, Standing

TENANT, SCHOOL, OTHER_SCHOOL, CLASS, OTHER_CLASS = (uuid4() for _ in range(5))
TODAY, DAY = date(2026, 11, 2), date(2026, 10, 5)
ME, CHILD, SECOND = uuid4(), uuid4(), uuid4()


def person(person_id: UUID, *schools: UUID, born: date | None = None) -> PersonStated:
    """Somebody of the municipality."""
    return PersonStated(person_id=person_id, version=1, tenant_id=TENANT, school_ids=schools, born=born)


def sent(*groups: UUID, day: date = DAY, school: UUID = SCHOOL) -> Sent:
    """Something that left on a day."""
    return Sent(uuid4(), school, frozenset(groups), datetime(day.year, day.month, day.day, 8, tzinfo=UTC), day)


def standing(*children: UUID, **more: object) -> Standing:
    """Somebody with these children at the school."""
    place = SchoolStated(school_id=SCHOOL, version=1, tenant_id=TENANT, name="Björkskolan")
    mine = {one: Child(person(one, SCHOOL), Why.ANSWERS_FOR, False, True) for one in children}
    usual = {"person": person(ME), "tenant_id": TENANT, "schools": {SCHOOL: place}, "children": mine, "today": TODAY}
    return Standing(**{**usual, **more})  # type: ignore[arg-type]


def group(group_id: UUID, school: UUID = SCHOOL) -> dict[UUID, GroupStated]:
    """What a mentor is mentor of."""
    stated = GroupStated(group_id=group_id, version=1, tenant_id=TENANT, school_id=school, name="6A", kind="Klass")
    return {group_id: stated}


def test_a_home_reads_what_was_sent_to_a_class_of_its_child_now_or_then() -> None:
    me = standing(CHILD, SECOND)
    now = [Belongs(CHILD, CLASS, date(2026, 10, 20)), Belongs(SECOND, OTHER_CLASS)]
    assert concerns(me, sent(CLASS), now) == (CHILD,)
    assert concerns(me, sent(CLASS, OTHER_CLASS), now) == (CHILD, SECOND)
    then = [Belongs(CHILD, CLASS, date(2026, 8, 15), date(2026, 10, 20))]
    assert concerns(me, sent(CLASS), then) == (CHILD,)
    assert concerns(me, sent(CLASS, day=date(2026, 10, 20)), then) == ()
    assert concerns(me, sent(OTHER_CLASS), then) == ()


def test_what_names_no_class_is_for_all_of_its_school() -> None:
    assert concerns(standing(CHILD), sent(), []) == (CHILD,)
    assert concerns(standing(CHILD), sent(school=OTHER_SCHOOL), []) == ()


def test_a_pupil_reads_for_themselves_and_who_is_no_pupil_does_not() -> None:
    me = standing(person=person(CHILD, SCHOOL))
    assert concerns(me, sent(CLASS), [Belongs(CHILD, CLASS)]) == (CHILD,)
    assert pupils_of(standing()) == {}
    assert concerns(standing(), sent(CLASS), [Belongs(ME, CLASS)]) == ()


def test_nobody_elses_child_makes_anybody_a_reader() -> None:
    assert concerns(standing(CHILD), sent(CLASS), [Belongs(SECOND, CLASS)]) == ()


def test_at_school_mentors_of_the_class_the_principal_and_officers_read() -> None:
    mentor, principal = standing(mentor_groups=group(CLASS)), standing(principal_of=frozenset({SCHOOL}))
    officer = standing(municipality=True)
    for one in (mentor, principal, officer):
        assert as_staff(one, sent(CLASS))
        assert as_staff(one, sent())
        assert not as_staff(replace(one, schools={}), sent(CLASS))
    assert not as_staff(mentor, sent(OTHER_CLASS))
    assert not as_staff(standing(mentor_groups=group(OTHER_CLASS, OTHER_SCHOOL)), sent())
    assert [answers_for(one, sent(CLASS)) for one in (mentor, principal, officer)] == [True, True, False]


def test_only_what_was_sent_while_the_child_was_there_waits_to_be_read() -> None:
    there, late = Belongs(CHILD, CLASS), Belongs(CHILD, CLASS, date(2026, 10, 20))
    assert mark(sent(CLASS), [CHILD], [there], None) is Mark.UNREAD
    assert mark(sent(CLASS), [CHILD], [late], None) is Mark.EARLIER
    assert mark(sent(CLASS), [CHILD], [late], datetime(2026, 11, 1, tzinfo=UTC)) is Mark.READ
    assert mark(sent(), [CHILD], [], None) is Mark.UNREAD


@pytest.mark.parametrize(
    ("there", "wanted", "got"),
    [
        (["sv", "en"], ["en"], "en"),
        (["sv", "en"], ["nb"], "sv"),
        (["en", "nn"], ["nb"], "nn"),
        (["sv", "ar"], ["ar-SY", "sv"], "ar"),
        (["zh-Hant", "sv"], ["zh"], "zh-Hant"),
        (["sv", "en"], ["so", None, "en"], "en"),
        (["sv", "en"], ["so", None], "sv"),
        (["nb"], ["no"], "nb"),
        (["sv", "nb"], ["en", "nb"], "nb"),
    ],
)
def test_a_reader_gets_their_language_or_a_neighbour_or_the_one_that_stands_in(
    there: list[str], wanted: list[str | None], got: str
) -> None:
    assert language_for(there, *wanted) == got


@given(st.lists(st.sampled_from(["sv", "nb", "nn", "en", "ar", "so"]), min_size=1, unique=True), st.text(max_size=8))
def test_there_is_always_a_language_and_always_one_of_those_there(there: list[str], wanted: str) -> None:
    assert language_for(there, wanted) in there


def test_children_stand_from_the_oldest_to_the_youngest_and_twins_by_name() -> None:
    born = date(2016, 4, 2)
    old = person(uuid4(), born=born - timedelta(days=400))
    twins = [person(uuid4(), born=born), person(uuid4(), born=born)]
    persons = {one.person_id: one for one in (*twins, old)}
    names = {twins[0].person_id: "Stig", twins[1].person_id: "Siri", old.person_id: "Emil"}
    assert [names[one] for one in in_order(persons, persons, names)] == ["Emil", "Siri", "Stig"]
