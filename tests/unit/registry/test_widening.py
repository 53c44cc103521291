"""Imports that would let more people know wait for a person; narrowing is followed at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.kinds import Kind
from services.registry.domain.ledger import Ledger
from services.registry.domain.record import Record, erased, payload_of, released
from services.registry.domain.statements import Key, Manner, Stated, through_guardians
from services.registry.domain.widening import WITH_RIGHT, PersonBounds, Waiting, What, met, narrowed, waits
from shared.events.roster import Guardianship, GuardianshipsStated, Marking, PersonStated, Relation
from tests.unit.registry.rows import FATHER, MOTHER, NOW, ORIGIN, PUPIL, TODAY

STRANGER = UUID("77777777-7777-4777-8777-777777777777")
GROWN_UPS = (MOTHER, FATHER, STRANGER)
TIES = (Kind.GUARDIANSHIPS, PUPIL)
PERSON = (Kind.PERSON, PUPIL)
LONG_AGO = NOW - timedelta(days=30)
DAYS = [TODAY + timedelta(days=number) for number in (-60, -1, 0, 1, 40)]


def tie(who: UUID = MOTHER, relation: Relation = Relation.GUARDIAN, **bounds: date | None) -> Guardianship:
    return Guardianship(guardian_id=who, relation=relation, **bounds)


def listed(*ties: Guardianship, modified: datetime | None = None, ref: UUID = PUPIL) -> Stated:
    event = GuardianshipsStated(pupil_id=PUPIL, version=0, ties=ties)
    return Stated(Kind.GUARDIANSHIPS, PUPIL, ref, event, modified)


def pupil(born: date | None = date(2014, 3, 1), active: bool = True, modified: datetime | None = None) -> Stated:
    return Stated(
        Kind.PERSON, PUPIL, PUPIL, PersonStated(person_id=PUPIL, version=0, born=born, active=active), modified
    )


def book(records: dict[Key, Record] | None = None, now: datetime = NOW) -> Ledger:
    return Ledger(ORIGIN, now, dict(records or {}))


def after(*stated: Stated, records: dict[Key, Record] | None = None, now: datetime = NOW) -> Ledger:
    ledger = book(records, now)
    for one in stated:
        ledger.take(one)
    return ledger


def known(*ties: Guardianship) -> dict[Key, Record]:
    """A pupil who has been known for long, with these ties."""
    return after(pupil(), listed(*ties), now=LONG_AGO).records


def in_force(records: dict[Key, Record]) -> tuple[Guardianship, ...]:
    event = records[TIES].event
    return event.ties if isinstance(event, GuardianshipsStated) else ()


def may_know(ties: Iterable[Guardianship], on: date) -> set[UUID]:
    """Who has a right on that day, by the words of the law and nothing else."""
    return {
        one.guardian_id
        for one in ties
        if one.relation in WITH_RIGHT
        and (one.starts is None or one.starts <= on)
        and (one.ends is None or on < one.ends)
    }


def waiting(ledger: Ledger) -> list[Waiting]:
    return [one for _, several in ledger.waiting() for one in several]


def test_the_first_list_of_a_pupil_nobody_knew_is_followed() -> None:
    ledger = after(pupil(), listed(tie(MOTHER), tie(FATHER)))
    assert may_know(in_force(ledger.records), TODAY) == {MOTHER, FATHER}
    assert waiting(ledger) == []


def test_one_who_is_added_later_waits_and_the_others_go_on() -> None:
    ledger = after(listed(tie(MOTHER), tie(FATHER)), records=known(tie(MOTHER)))
    assert in_force(ledger.records) == (tie(MOTHER),)
    assert [(one.what, one.person_id) for one in waiting(ledger)] == [(What.NEW_TIE, FATHER)]
    assert ledger.news() == []


def test_a_statement_is_split_and_its_narrowing_part_applies_at_once() -> None:
    ledger = after(listed(tie(FATHER)), records=known(tie(MOTHER)))
    assert in_force(ledger.records) == ()
    assert [record.key for record in ledger.news()] == [TIES]
    assert [one.person_id for one in waiting(ledger)] == [FATHER]


def test_a_tie_without_a_right_needs_nobodys_decision() -> None:
    ledger = after(listed(tie(MOTHER), tie(FATHER, Relation.PARENT)), records=known(tie(MOTHER)))
    assert len(in_force(ledger.records)) == 2
    assert waiting(ledger) == []


def test_a_relation_that_would_give_a_right_waits_and_the_old_one_stays() -> None:
    ledger = after(listed(tie(FATHER)), records=known(tie(FATHER, Relation.PARENT)))
    assert in_force(ledger.records) == (tie(FATHER, Relation.PARENT),)
    assert [one.what for one in waiting(ledger)] == [What.RIGHT_GIVEN]


@pytest.mark.parametrize(
    ("before", "then", "kept"),
    [
        ({"ends": DAYS[4]}, {"ends": None}, {"ends": DAYS[4]}),
        ({"ends": DAYS[3]}, {"ends": DAYS[4]}, {"ends": DAYS[3]}),
        ({"starts": DAYS[4]}, {"starts": None}, {"starts": DAYS[4]}),
        ({"starts": DAYS[4]}, {"starts": DAYS[3]}, {"starts": DAYS[4]}),
        (
            {"starts": DAYS[3], "ends": None},
            {"starts": None, "ends": DAYS[4]},
            {"starts": DAYS[3], "ends": DAYS[4]},
        ),
    ],
)
def test_bounds_that_move_outwards_wait_and_those_that_move_inwards_do_not(
    before: dict[str, Any], then: dict[str, Any], kept: dict[str, Any]
) -> None:
    ledger = after(listed(tie(**then)), records=known(tie(**before)))
    assert in_force(ledger.records) == (tie(**kept),)
    assert [one.what for one in waiting(ledger)] == [What.LONGER_TIE]


def test_what_would_only_have_been_wider_in_the_past_is_followed() -> None:
    earlier: dict[str, Any] = {"starts": TODAY - timedelta(days=99), "ends": DAYS[4]}
    ledger = after(listed(tie(**earlier)), records=known(tie(starts=DAYS[0], ends=DAYS[4])))
    assert in_force(ledger.records) == (tie(**earlier),)
    assert waiting(ledger) == []


def test_a_first_list_may_come_within_a_day_of_the_pupil_and_no_later() -> None:
    alone = after(pupil(), listed()).records
    soon = after(listed(tie(MOTHER)), records=alone, now=NOW + timedelta(hours=23))
    late = after(listed(tie(MOTHER)), records=alone, now=NOW + timedelta(hours=25))
    assert (len(in_force(soon.records)), waiting(soon)) == (1, [])
    assert (len(in_force(late.records)), [one.what for one in waiting(late)]) == (0, [What.NEW_TIE])


def test_only_the_first_list_that_names_anybody_is_followed_whole() -> None:
    ledger = after(pupil(), listed(tie(MOTHER)), listed(tie(MOTHER), tie(FATHER)))
    assert [one.person_id for one in waiting(ledger)] == [FATHER]


def test_a_list_pieced_together_from_the_grown_ups_rows_may_grow_for_a_day_and_no_longer() -> None:
    through = through_guardians(PUPIL)
    pieces = after(listed(tie(MOTHER), ref=through), pupil(), listed(tie(MOTHER), tie(FATHER), ref=through))
    assert (len(in_force(pieces.records)), waiting(pieces)) == (2, [])
    third = listed(tie(MOTHER), tie(FATHER), tie(STRANGER), ref=through)
    later = after(third, records=pieces.records, now=NOW + timedelta(hours=25))
    assert [one.person_id for one in waiting(later)] == [STRANGER]


def test_a_grown_up_who_was_taken_out_of_a_pieced_list_does_not_come_back_by_themselves() -> None:
    through = through_guardians(PUPIL)
    lists = [(MOTHER, FATHER), (MOTHER,), (MOTHER, FATHER)]
    ledger = after(pupil(), *(listed(*map(tie, who), ref=through) for who in lists))
    assert [one.person_id for one in waiting(ledger)] == [FATHER]


def test_a_pupil_who_was_erased_comes_back_with_what_there_was_and_no_more() -> None:
    gone = {key: erased(record, NOW) for key, record in known(tie(MOTHER)).items()}
    assert "3333" not in str(gone[TIES])  # the mother's id is not left either
    same, more = (after(pupil(), listed(*ties), records=gone) for ties in ((tie(),), (tie(), tie(FATHER))))
    assert (in_force(same.records), waiting(same)) == ((tie(MOTHER),), [])
    assert (in_force(more.records), [one.person_id for one in waiting(more)]) == ((tie(MOTHER),), [FATHER])


def test_a_person_of_age_who_was_erased_does_not_come_back_as_a_child() -> None:
    of_age = after(pupil(date(2005, 3, 1)), now=LONG_AGO).records
    gone = {PERSON: erased(of_age[PERSON], NOW)}
    assert "2005" not in str(gone[PERSON])
    assert [one.what for one in waiting(after(pupil(), records=gone))] == [What.LATER_BIRTH]


@pytest.mark.parametrize(
    ("before", "then", "what"),
    [
        (pupil(date(2008, 3, 1)), pupil(date(2012, 3, 1)), [What.LATER_BIRTH]),  # of age, and then not
        (pupil(date(2012, 3, 1)), pupil(date(2012, 4, 1)), [What.LATER_BIRTH]),  # rights would last a month longer
        (pupil(None), pupil(date(2012, 3, 1)), [What.LATER_BIRTH]),  # nobody could be told, and then somebody can
        (pupil(date(2012, 3, 1)), pupil(date(2008, 3, 1)), []),
        (pupil(date(1980, 3, 1)), pupil(date(1985, 3, 1)), []),  # of age by both: nobody's right depends on it
        (pupil(None), pupil(date(1985, 3, 1)), []),
        (pupil(active=False), pupil(active=True), [What.ACTIVE_AGAIN]),
        (pupil(active=True), pupil(active=False), []),
    ],
)
def test_a_person_who_would_give_others_a_right_waits(before: Stated, then: Stated, what: list[What]) -> None:
    ledger = after(then, records=after(before, now=LONG_AGO).records)
    assert [one.what for one in waiting(ledger)] == what
    followed = ledger.records[PERSON].event == then.event.model_copy(update={"version": ledger.records[PERSON].version})
    assert followed is (not what)


def test_what_is_released_applies_as_the_source_last_stated_it() -> None:
    ledger = after(listed(tie(MOTHER), tie(FATHER, ends=DAYS[4])), records=known(tie(MOTHER)))
    [(record, [entry])] = ledger.waiting()
    free = released(record, entry, NOW)
    assert in_force({TIES: free}) == (tie(MOTHER), tie(FATHER, ends=DAYS[4]))
    assert (free.stated, free.version > record.version) == (None, True)
    again = after(listed(tie(MOTHER), tie(FATHER, ends=DAYS[4])), records={**ledger.records, TIES: free})
    assert (again.touched, again.waiting()) == ({}, [])


def test_of_two_who_wait_one_can_be_released() -> None:
    ledger = after(listed(tie(MOTHER), tie(FATHER), tie(STRANGER)), records=known(tie(MOTHER)))
    [(record, entries)] = ledger.waiting()
    free = released(record, next(one for one in entries if one.person_id == FATHER), NOW)
    assert may_know(in_force({TIES: free}), TODAY) == {MOTHER, FATHER}
    assert [one.person_id for one in free.waits(TODAY)] == [STRANGER]


def test_the_same_statement_is_the_same_entry_and_another_is_another() -> None:
    base = known(tie(MOTHER))
    [same, again, other] = [
        waiting(after(listed(tie(MOTHER), tie(FATHER, **bounds)), records=base))[0].id
        for bounds in ({"ends": DAYS[4]}, {"ends": DAYS[4]}, {"ends": None})
    ]
    assert same == again
    assert same != other


def test_an_entry_names_nobody_but_by_id() -> None:
    [entry] = waiting(after(listed(tie(MOTHER), tie(FATHER)), records=known(tie(MOTHER))))
    assert entry.before == {"ties": []}
    assert entry.after == {"ties": [{"relation": "guardian"}]}


def test_what_is_withdrawn_waits_no_more() -> None:
    pending = after(listed(tie(MOTHER), tie(FATHER)), records=known(tie(MOTHER))).records
    ledger = after(listed(tie(MOTHER)), records=pending)
    [(record, entries)] = ledger.waiting()
    assert (record.key, entries) == (TIES, [])


def test_an_older_list_narrows_and_gives_nothing() -> None:
    base = after(listed(tie(MOTHER), tie(FATHER), modified=NOW), records=known(tie(MOTHER), tie(FATHER))).records
    older = listed(tie(MOTHER), tie(STRANGER), modified=NOW - timedelta(hours=1))
    ledger = after(older, records=base)
    assert in_force(ledger.records) == (tie(MOTHER),)
    assert [one.person_id for one in waiting(ledger)] == [FATHER]


def test_another_sources_list_changes_nothing() -> None:
    base = known(tie(MOTHER))
    other = Ledger(replace(ORIGIN, source="friskolan"), NOW, dict(base), frozenset({ORIGIN.source}))
    for one in (listed(), listed(tie(MOTHER), tie(FATHER))):
        other.take(one)
    assert (other.touched, other.waiting()) == ({}, [])


A_TIE = st.builds(
    Guardianship,
    guardian_id=st.sampled_from(GROWN_UPS),
    relation=st.sampled_from([Relation.GUARDIAN, Relation.APPOINTED, Relation.PARENT, Relation.OTHER_ENTITLED]),
    starts=st.sampled_from([None, *DAYS]),
    ends=st.sampled_from([None, *DAYS]),
)
TIE_LISTS = st.lists(A_TIE, max_size=4, unique=True)
HOURS = st.integers(0, 5).map(lambda hour: datetime(2026, 11, 22, hour, tzinfo=UTC))
LIST_OR_NONE = st.one_of(
    st.builds(lambda ties, at: listed(*ties, modified=at), TIE_LISTS, st.one_of(st.none(), HOURS)),
    st.just(replace(listed(), manner=Manner.EMPTIES_OWN)),
    st.just("erase"),
)


@given(first=TIE_LISTS, imports=st.lists(LIST_OR_NONE, max_size=6))
def test_whatever_is_imported_nobody_gains_a_right_and_nobody_who_lost_one_keeps_it(
    first: list[Guardianship], imports: list[Stated | str]
) -> None:
    """Days from today on; the pupil was known for long. An erased pupil may return to what there was."""
    records = known(*first)
    before = {day: may_know(in_force(records), day) for day in DAYS[2:]}
    for one in imports:
        if isinstance(one, str):
            records = {key: erased(record, NOW) if not record.erased_at else record for key, record in records.items()}
            assert in_force(records) == ()
            continue
        if records[TIES].erased_at and one.manner is Manner.EMPTIES_OWN:
            continue  # a row without a list says nothing of a pupil whose list is gone
        live, modified = records[TIES].erased_at is None, records[TIES].modified
        stale = live and one.modified is not None and modified is not None and one.modified < modified
        records = after(one, records=records).records
        said = one.event.ties if isinstance(one.event, GuardianshipsStated) else ()
        for day in DAYS[2:]:
            now = may_know(in_force(records), day)
            assert now <= before[day], "somebody has gained a right without a release"
            assert stale or now <= may_know(said, day), "somebody has kept a right that the registry has taken away"
            before[day] = now


@given(first=TIE_LISTS, lists=st.lists(TIE_LISTS, min_size=1, max_size=4), data=st.data())
def test_lists_in_any_order_and_number_end_with_the_same_in_force_and_the_same_waiting(
    first: list[Guardianship], lists: list[list[Guardianship]], data: st.DataObject
) -> None:
    stated = [listed(*ties, modified=NOW - timedelta(hours=9 - hour)) for hour, ties in enumerate(lists)]
    again = data.draw(st.lists(st.sampled_from(stated), max_size=4))
    mixed = data.draw(st.permutations([*stated, *again]))
    ends = [after(*order, records=known(*first)).records[TIES] for order in (stated, mixed)]
    assert payload_of(ends[0].event) == payload_of(ends[1].event)  # type: ignore[arg-type]
    assert {one.id for one in ends[0].waits(TODAY)} == {one.id for one in ends[1].waits(TODAY)}


@given(lists=st.lists(TIE_LISTS, min_size=2, max_size=5))
def test_releasing_all_that_waits_ends_exactly_with_the_last_statement(lists: list[list[Guardianship]]) -> None:
    records = after(*(listed(*ties) for ties in lists[1:]), records=known(*lists[0])).records
    record = records[TIES]
    while entries := record.waits(TODAY):
        record = released(record, entries[0], NOW)
    assert in_force({TIES: record}) == tuple(lists[-1])


@given(
    versions=st.lists(
        st.builds(
            PersonStated,
            person_id=st.just(PUPIL),
            version=st.just(0),
            marking=st.sampled_from(Marking),
            active=st.booleans(),
            born=st.sampled_from([None, date(1980, 1, 1), date(2009, 1, 1), date(2014, 1, 1)]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_person_only_ever_becomes_narrower_and_what_is_in_force_never_waits(versions: list[PersonStated]) -> None:
    bounds = PersonBounds()
    for said in versions:
        bounds_before, bounds = bounds, met(bounds, said)  # type: ignore[assignment]
        event = narrowed(said, bounds, TODAY)
        assert met(bounds, event) == met(bounds_before, said)
        assert narrowed(event, bounds, TODAY) == event
        assert waits(event, bounds, TODAY) == []
