"""The ledger sees every fault. An account that cannot be wrong proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.demo.ledger import NOTICE, RETRACTION, notification_id
from services.demo.people import Case, Relation
from services.demo.script import Owed
from tests.unit.demo.world import Day, letter, perfect_day


@pytest.fixture
def day() -> Day:
    return perfect_day()


def owed_to(day: Day, case: Case) -> Owed:
    pupils = {pupil.id for pupil in day.whole.with_case(case)}
    return next(duty for duty in day.plan.owed if duty.pupil_id in pupils)


def test_a_day_without_faults_balances(day: Day) -> None:
    figures = day.figures()
    assert figures.ok
    assert (figures.lost, figures.duplicates, figures.misdirected) == (0, 0, 0)
    assert figures.notices_delivered + figures.unreachable == figures.notices_owed == len(day.plan.owed)
    assert figures.unreachable >= 5
    assert figures.retractions > 0


def test_a_lost_notice_is_seen(day: Day) -> None:
    duty = owed_to(day, Case.APPOINTED)
    [guardian] = day.whole.entitled(duty.pupil_id, duty.day)
    day.without(day.notice_of(duty, guardian))
    figures = day.figures()
    assert (figures.lost, figures.ok) == (1, False)
    assert figures.notices_delivered + figures.unreachable == figures.notices_owed - 1


def test_one_of_two_guardians_left_out_is_a_loss_too(day: Day) -> None:
    duty = owed_to(day, Case.PROTECTED)
    first, _ = day.whole.entitled(duty.pupil_id, duty.day)
    day.without(day.notice_of(duty, first))
    assert (day.figures().lost, day.figures().ok) == (1, False)


def test_a_lost_retraction_is_seen(day: Day) -> None:
    duty, guardian = day.retracted()
    day.without(day.notice_of(duty, guardian, RETRACTION))
    assert (day.figures().lost, day.figures().ok) == (1, False)


def test_a_second_message_about_the_same_thing_is_a_duplicate(day: Day) -> None:
    duty, guardian = day.retracted()
    day.also(guardian.emails[0], duty)
    assert (day.figures().duplicates, day.figures().ok) == (1, False)


def test_a_mail_to_the_parent_without_rights_is_misdirected(day: Day) -> None:
    duty = owed_to(day, Case.NO_RIGHTS)
    tie = next(tie for tie in day.whole.pupils[duty.pupil_id].ties if tie.relation is Relation.PARENT)
    day.also(day.whole.adults[tie.adult_id].emails[0], duty)
    assert (day.figures().misdirected, day.figures().ok) == (1, False)


@pytest.mark.parametrize("case", [Case.ENDED, Case.NOT_BEGUN])
def test_a_mail_outside_the_bounds_of_custody_is_misdirected(day: Day, case: Case) -> None:
    duty = owed_to(day, case)
    without_right = day.whole.adults[day.whole.pupils[duty.pupil_id].ties[1].adult_id]
    day.also(without_right.emails[0], duty)
    assert day.figures().misdirected == 1


def test_a_mail_about_a_pupil_of_age_is_misdirected(day: Day) -> None:
    pupil = next(p for p in day.whole.pupils.values() if p.case is Case.PLAIN)
    guardian = next(day.whole.adults[tie.adult_id] for tie in pupil.ties if day.whole.adults[tie.adult_id].reachable)
    pupil.born = pupil.born.replace(year=2000)
    day.also(guardian.emails[0], Owed(pupil.id, day.plan.day))
    assert day.figures().misdirected == 1


def test_a_mail_to_another_family_is_misdirected(day: Day) -> None:
    duty, stranger = owed_to(day, Case.PROTECTED), day.retracted()[1]
    day.also(stranger.emails[0], duty)
    assert day.figures().misdirected == 1


def test_a_notice_about_a_child_that_was_not_missing_is_misdirected(day: Day) -> None:
    told = {duty.pupil_id for duty in day.plan.owed}
    pupil = next(p for p in day.whole.pupils.values() if p.id not in told and day.whole.entitled(p.id, day.plan.day))
    guardian = next(adult for adult in day.whole.entitled(pupil.id, day.plan.day) if adult.reachable)
    day.also(guardian.emails[0], Owed(pupil.id, day.plan.day))
    assert day.figures().misdirected == 1


def test_a_retraction_to_one_who_never_had_the_notice_is_misdirected(day: Day) -> None:
    duty, guardian = day.retracted()
    day.without(day.notice_of(duty, guardian))
    assert day.figures().misdirected == 1


def test_a_retraction_of_a_notice_that_stands_is_misdirected(day: Day) -> None:
    duty = owed_to(day, Case.APPOINTED)
    [guardian] = day.whole.entitled(duty.pupil_id, duty.day)
    day.also(guardian.emails[0], duty, RETRACTION)
    assert day.figures().misdirected == 1


def test_a_mail_that_leads_nowhere_is_misdirected_unless_it_went_to_a_school(day: Day) -> None:
    _, guardian = day.retracted()
    extra = [
        letter(9000 + n, day.plan.closes, to, uuid4()) for n, to in enumerate((guardian.emails[0], school_of(day)))
    ]
    day.evidence = replace(day.evidence, mails=[*day.evidence.mails, *extra])
    assert day.figures().misdirected == 1


def test_a_school_that_was_never_alerted_is_a_loss(day: Day) -> None:
    day.without(*[mail for mail in day.evidence.mails if mail.recipient == school_of(day)])
    assert (day.figures().lost, day.figures().ok) == (1, False)


def test_a_call_list_that_misses_a_home_or_has_one_too_many_is_a_loss(day: Day) -> None:
    complete = day.evidence.to_call
    day.evidence = replace(day.evidence, to_call=frozenset(list(complete)[1:]))
    assert day.figures().lost == 1
    day.evidence = replace(day.evidence, to_call=complete | {uuid4()})
    assert day.figures().lost == 1


def test_a_played_address_counts_only_when_the_service_says_it_was_served(day: Day) -> None:
    duty = owed_to(day, Case.DEFER)
    about = notification_id(duty.pupil_id, duty.day, duty.round, NOTICE)
    rest = frozenset(pair for pair in day.evidence.served if pair[1] != about)
    day.evidence = replace(day.evidence, served=rest)
    assert (day.figures().lost, day.figures().ok) == (1, False)


def test_a_guardian_whose_custody_was_withdrawn_this_morning_must_not_be_told(day: Day) -> None:
    duty = owed_to(day, Case.PROTECTED)
    first, second = day.whole.entitled(duty.pupil_id, duty.day)
    day.whole.withdraw(duty.pupil_id, second.id)
    figures = day.figures()
    assert (figures.misdirected, figures.lost) == (1, 0)
    assert first in day.whole.entitled(duty.pupil_id, duty.day)


def test_seconds_stand_beside_the_figures(day: Day) -> None:
    line = day.figures().as_json(timedelta(seconds=71.26).total_seconds())
    assert line["seconds"] == 71.3
    assert {"pupils", "lessons", "marks", "notices_owed", "notices_delivered", "unreachable", "mails"} <= line.keys()
    assert {"retractions", "lost", "duplicates", "misdirected", "repeats", "held"} <= line.keys()


def school_of(day: Day) -> str:
    return day.whole.schools[0].email
