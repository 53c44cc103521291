"""What a home sees, worked out from plain facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.portal.domain.family import Facts, Hours, Membership, Pupil, Signature, Told
from services.portal.domain.home import ChildDay, Stand, home, next_school_day, noticed, school_hours
from services.portal.web import sentences
from shared.events.duties import DutyStatus
from shared.roster.access import Why

TODAY, NOW = date(2026, 11, 23), datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ME, OTHER, CHILD, CLASS = uuid4(), uuid4(), uuid4(), uuid4()
TOLD = Told(uuid4(), CHILD, uuid4(), TODAY, DutyStatus.DELIVERED, NOW - timedelta(minutes=48), uuid4(), told_me_at=NOW)


def span(day: date, begins: int, ends: int) -> Hours:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Hours(day, midnight + timedelta(hours=begins), midnight + timedelta(hours=ends))


def pupil(pupil_id: UUID = CHILD, **more: object) -> Pupil:
    return replace(Pupil(pupil_id, TODAY, "Europe/Stockholm", answers=True), **more)  # type: ignore[arg-type]


def only_day(facts: Facts, of: Pupil | None = None) -> ChildDay:
    [day] = home([of or pupil()], facts, ME, NOW).days
    return day


@pytest.mark.parametrize(
    ("told", "stand"),
    [
        (TOLD, Stand.WROTE),
        (replace(TOLD, told_me_at=None), Stand.WROTE_OTHERS),
        (replace(TOLD, status=DutyStatus.OWED), Stand.WRITING),
        (replace(TOLD, status=DutyStatus.SENT), Stand.WRITING),
        (replace(TOLD, status=DutyStatus.UNREACHABLE), Stand.UNREACHED),
        (replace(TOLD, status=DutyStatus.MISSED), Stand.MISSED),
        (replace(TOLD, read_by=frozenset({ME})), Stand.READ),
        (replace(TOLD, read_by=frozenset({OTHER})), Stand.ANSWERED),
        (replace(TOLD, status=DutyStatus.UNDERSTOOD), Stand.ANSWERED),  # the home reported the absence
        (replace(TOLD, status=DutyStatus.RETRACTED, read_by=frozenset({ME})), Stand.RETRACTED),
        (replace(TOLD, status=None), Stand.CHECKING),
        (replace(TOLD, status=None, noticed_at=NOW - timedelta(minutes=61)), None),
        (replace(TOLD, status=None, noticed_at=None), None),
    ],
)
def test_a_notice_stands_as_far_as_it_has_come(told: Told, stand: Stand | None) -> None:
    found = noticed(told, ME, NOW)
    assert (found.stand if found else None) is stand


def test_a_notice_of_an_earlier_day_waits_but_is_not_todays() -> None:
    earlier = replace(TOLD, day=TODAY - timedelta(days=3))
    day = only_day(Facts(told=(earlier,)))
    assert (len(day.noticed), len(day.waiting)) == (0, 1)


def test_nothing_waits_for_somebody_who_only_may_know() -> None:
    assert not only_day(Facts(told=(TOLD,)), pupil(answers=False)).waiting


def test_the_school_day_is_that_of_the_groups_one_is_in_on_that_day() -> None:
    old = uuid4()
    groups = (Membership(CLASS, "6A", "Klass", starts=TODAY), Membership(old, "5A", "Klass", ends=TODAY))
    lessons = ((CLASS, span(TODAY, 8, 9)), (CLASS, span(TODAY, 12, 14)), (old, span(TODAY, 7, 16)))
    hours = school_hours(groups, lessons, TODAY)
    assert hours == span(TODAY, 8, 14)
    assert school_hours(groups, lessons, TODAY + timedelta(days=1)) is None


def test_the_next_school_day_passes_over_days_of_groups_one_will_have_left() -> None:
    tomorrow, later = TODAY + timedelta(days=1), TODAY + timedelta(days=7)
    leaving = uuid4()
    groups = (Membership(CLASS, "6A", "Klass"), Membership(leaving, "Kör", "Övrigt", ends=tomorrow))
    lessons = ((leaving, span(tomorrow, 8, 9)), (CLASS, span(later, 9, 10)))
    assert next_school_day(groups, lessons, TODAY) == span(later, 9, 10)


def test_the_class_is_named_but_not_with_a_protected_identity() -> None:
    facts = Facts(groups={CHILD: (Membership(uuid4(), "Kör", "Övrigt"), Membership(CLASS, "6A", "Klass"))})
    assert only_day(facts).where == ("6A",)
    assert only_day(facts, pupil(protected=True)).where == ()


def test_oneself_comes_first_then_the_children_from_the_oldest() -> None:
    young, old, me = (uuid4() for _ in range(3))
    pupils = [
        pupil(young, born=date(2015, 1, 1)),
        pupil(old, born=date(2010, 1, 1)),
        pupil(me, born=date(2016, 1, 1), oneself=True),
    ]
    assert [day.pupil.pupil_id for day in home(pupils, Facts(), ME, NOW).days] == [me, old, young]


def test_a_consent_waits_for_whoever_has_not_signed_it() -> None:
    theirs, mine = Signature(CHILD, uuid4(), OTHER), Signature(CHILD, uuid4(), ME)
    assert home([pupil()], Facts(signatures=(theirs,)), ME, NOW).to_sign == (CHILD,)
    assert not home([pupil()], Facts(signatures=(mine,)), ME, NOW).to_sign
    assert not home([pupil(answers=False)], Facts(signatures=(theirs,)), ME, NOW).to_sign


def test_there_is_a_sentence_for_every_stand_and_every_verdict() -> None:
    assert set(sentences.WHY) >= set(Why)
    for stand in Stand:
        for oneself in (True, False):
            assert all(sentences.stand(stand, oneself))
            assert sentences.comes_next(stand, oneself)
