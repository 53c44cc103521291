"""The demo's round of talks: who is in it, and an account that sees every kind of fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest

from services.demo.actions import Join, Remove, Withdraw
from services.demo.catcher import Mail
from services.demo.day import Plan, plan_day
from services.demo.municipality import grow
from services.demo.people import Adult, Case, Municipality
from services.demo.schooldays import school_day_from
from services.demo.talks.account import TalkAccount, entry_of, link_of
from services.demo.talks.facts import Facts, When, is_booked, is_signed, other_time, programme
from services.demo.talks.plan import Mood, RoundOfTalks, Ways, plan_round
from tests.unit.demo.world import MONDAY, SEED

ROUND = uuid4()
TEN = "10:00"


@pytest.fixture(scope="module")
def whole() -> Municipality:
    return grow(SEED, MONDAY)


@pytest.fixture(scope="module")
def plan(whole: Municipality) -> Plan:
    return plan_day(whole, MONDAY)


@pytest.fixture(scope="module")
def talks(whole: Municipality, plan: Plan) -> RoundOfTalks:
    found = plan_round(whole, plan)
    assert found is not None
    return found


def test_the_round_is_of_two_classes_of_one_school_where_pupils_sign_and_families_meet(talks: RoundOfTalks) -> None:
    assert len(talks.pupils) == 50
    assert {one.school for one in talks.classes} == {talks.school}
    assert talks.school.kind == "lower"
    assert any(len(home.pupils) > 1 for home in talks.homes)
    assert [home.interpreter for home in talks.homes].count(True) == 1
    assert [home.apart for home in talks.homes].count(True) == 1
    assert talks.wanted == 51
    assert talks.days[0] == MONDAY
    assert talks.evening == school_day_from(talks.days[-1] + timedelta(days=1))


def test_homes_want_different_things_and_as_many_are_glad_today_as_there_are_times(talks: RoundOfTalks) -> None:
    moods = [home.mood for home in talks.homes]
    assert moods.count(Mood.TODAY) == 12
    assert moods.count(Mood.SILENT) == [home.way for home in talks.homes].count(Ways.SILENT) == 4
    assert {home.way for home in talks.homes} == set(Ways)
    assert not any(home.apart for home in talks.homes if home.mood is Mood.TODAY)


def test_nobody_in_it_loses_or_gets_a_guardian_that_day(whole: Municipality, plan: Plan) -> None:
    moved = {one.pupil_id for one in plan.actions if isinstance(one, Join | Remove | Withdraw)}
    for number in range(5):
        found = plan_round(whole, plan, number)
        assert found is not None
        assert not moved & {pupil.id for pupil in found.pupils}
        assert not any(pupil.adult_on(plan.day) for pupil in found.pupils)


def test_every_day_played_has_other_classes_until_there_are_none_left(whole: Municipality, plan: Plan) -> None:
    seen = set[UUID]()
    number = 0
    while found := plan_round(whole, plan, number):
        mine = {one.id for one in found.classes}
        assert not seen & mine
        seen, number = seen | mine, number + 1
    assert number > 10
    assert plan_round(whole, plan, number + 1) is None


def test_a_small_municipality_has_a_round_too() -> None:
    small = grow(SEED, MONDAY, 3, 120)
    found = plan_round(small, plan_day(small, MONDAY))
    assert found is None or len(found.classes) == 2


# The account -----------------------------------------------------------------------------------------------------


def mail(number: int, adult: Adult, link: str, entry: str = "") -> Mail:
    message = EmailMessage()
    message["Message-ID"] = f"<{number}@skolbro.example>"
    message.set_content(f"Läs mer:\nhttp://127.0.0.1:8000{link}\n")
    if entry:
        message.add_alternative(entry.encode(), "text", "calendar")
    at = datetime.fromisoformat("2026-11-23T08:00:00+00:00")
    return Mail.of(number, at, "skola@skolbro.example", adult.emails[0], f"<{number}@skolbro.example>", bytes(message))


def calendar(talk_id: UUID, when: When, sequence: int = 0, method: str = "REQUEST") -> str:
    starts = f"{when[0]:%Y%m%d}T{when[1].replace(':', '')}00"
    return (
        "BEGIN:VCALENDAR\r\n"
        f"METHOD:{method}\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        f"UID:{talk_id}@skolb\r\n ro.example\r\nSEQUENCE:{sequence}\r\n"
        f"DTSTART;TZID=Europe/Stockholm:{starts}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )


class Told:
    """A round in which everything is as it should be: every home has accepted, and has its entry."""

    def __init__(self, whole: Municipality, talks: RoundOfTalks) -> None:
        self.whole, self.talks = whole, talks
        self.facts, self.mails = Facts(round_id=ROUND, over=True), list[Mail]()
        for talk_id, (pupil, household) in talks.talks(ROUND).items():
            home = talks.home_of(pupil)
            if (household in (1, 2)) is home.apart and (household or not home.apart):
                guardians = (home.guardians[household - 1],) if household else home.guardians
                self.facts.standing[talk_id] = (talks.days[1], TEN)
                self.facts.books([talk_id], [one.id for one in guardians])
                for adult in guardians:
                    if adult.reachable and not adult.simulated:
                        self.also(adult, talk_id, calendar(talk_id, (talks.days[1], TEN)))

    def also(self, adult: Adult, talk_id: UUID, entry: str = "") -> None:
        self.mails.append(mail(len(self.mails) + 1, adult, f"/talks/{talk_id}", entry))

    def account(self) -> TalkAccount:
        return TalkAccount(self.whole, self.talks, self.facts, [], self.mails)

    def a_talk(self) -> tuple[UUID, Adult]:
        """A talk of a home of which nothing special is known, and one of its guardians."""
        for talk_id, (pupil, household) in self.talks.talks(ROUND).items():
            home = self.talks.home_of(pupil)
            if not household and talk_id in self.facts.agreed and pupil.case is Case.PLAIN and home.adult.reachable:
                return talk_id, home.adult
        raise AssertionError("there is no plain home")


@pytest.fixture
def told(whole: Municipality, talks: RoundOfTalks) -> Told:
    return Told(whole, talks)


def test_a_round_in_which_all_went_well_has_no_fault(told: Told) -> None:
    figures = told.account().figures()
    assert (figures.talks_wanted, figures.talks_placed, figures.talks_lost, figures.undone) == (51, 51, 0, 0)
    assert figures.families_several == figures.families_one_evening > 0
    assert figures.ok
    assert not told.account().duplicates()
    assert not told.account().misdirected()
    assert not told.account().faults()


def test_a_talk_whose_guardian_has_no_invitation_is_lost(told: Told) -> None:
    talk_id, adult = told.a_talk()
    told.mails = [one for one in told.mails if (one.recipient, link_of(one)) != (adult.emails[0], f"/talks/{talk_id}")]
    assert told.account().lost() == [talk_id]
    assert not told.account().figures().ok


def test_a_calendar_that_says_another_time_than_the_host_is_a_talk_lost(told: Told, talks: RoundOfTalks) -> None:
    talk_id, adult = told.a_talk()
    told.facts.standing[talk_id] = (talks.days[2], TEN)
    assert told.account().lost() == [talk_id]
    for guardian in talks.home_of(talks.talks(ROUND)[talk_id][0]).guardians:
        if guardian.reachable:
            told.also(guardian, talk_id, calendar(talk_id, (talks.days[2], TEN), sequence=1))
    assert told.account().lost() == []
    told.also(adult, talk_id, calendar(talk_id, (talks.days[2], TEN), sequence=2, method="CANCEL"))
    assert told.account().lost() == [talk_id]


def test_the_same_told_twice_to_a_calendar_is_a_duplicate_and_a_change_is_none(told: Told, talks: RoundOfTalks) -> None:
    talk_id, adult = told.a_talk()
    told.also(adult, talk_id, calendar(talk_id, (talks.days[1], "11:00"), sequence=1))
    assert not told.account().duplicates()
    told.also(adult, talk_id, calendar(talk_id, (talks.days[1], "11:00"), sequence=1))
    assert len(told.account().duplicates()) == 1


def test_a_mail_about_a_talk_to_another_family_is_misdirected(told: Told) -> None:
    talk_id, _ = told.a_talk()
    strangers = (one.adult for one in told.talks.homes if one.adult.reachable and one.mood is Mood.TODAY)
    mine = told.talks.home_of(told.talks.talks(ROUND)[talk_id][0]).guardians
    stranger = next(one for one in strangers if one not in mine)
    told.also(stranger, talk_id)
    assert len(told.account().misdirected()) == 1


def test_of_a_talk_apart_the_other_guardian_must_hear_nothing(told: Told, talks: RoundOfTalks) -> None:
    apart = next(home for home in talks.homes if home.apart)
    talk_id = next(one for one, (pupil, house) in talks.talks(ROUND).items() if pupil in apart.pupils and house == 1)
    told.also(apart.guardians[1], talk_id)
    assert told.account().misdirected()


def test_a_mail_about_an_unknown_talk_is_a_fault_only_where_nobody_else_can_have_made_it(told: Told) -> None:
    _, adult = told.a_talk()
    told.also(adult, uuid4())
    assert len(told.account().misdirected()) == 1
    assert not replace(told.account(), alone=False).misdirected()


def test_the_homes_of_other_classes_are_asked_nothing(told: Told, whole: Municipality) -> None:
    theirs = {one.id for home in told.talks.homes for one in home.guardians}
    other = next(one for one in whole.adults.values() if one.id not in theirs and one.reachable and not one.simulated)
    told.mails.append(mail(9000, told.talks.homes[0].adult, "/talks/wishes"))
    assert not told.account().misdirected()
    told.mails.append(mail(9001, other, "/talks/wishes"))
    assert len(told.account().misdirected()) == 1


def test_what_could_not_be_done_and_a_plan_nobody_signed_are_seen(told: Told) -> None:
    assert not replace(told.account(), failed=["a page was gone"]).figures().ok
    told.facts.held.add(told.a_talk()[0])
    assert not told.account().figures().ok
    assert any("not signed" in line for line in told.account().faults())


def test_a_mail_about_absence_is_none_about_talks(told: Told) -> None:
    _, adult = told.a_talk()
    assert link_of(mail(1, adult, f"/n/{uuid4()}")) is None
    assert entry_of(mail(2, adult, f"/talks/{uuid4()}")) is None


# What is read from pages -----------------------------------------------------------------------------------------


def test_a_programme_is_read_day_by_day(talks: RoundOfTalks) -> None:
    first, second = uuid4(), uuid4()
    page = f"""<h2 id="mine">Talks you hold</h2><h3>Monday 23 November</h3>
      <a href="/talks/{first}"><b class="number">09:30–09:55</b> Ebba</a>
      <h3>Friday 4 December</h3><a href="/talks/{uuid4()}"><b class="number">09:00–09:25</b> X</a>
      <h3>Tuesday 24 November</h3><a href="/talks/{second}"><b class="number">15:00–15:25</b> Y</a>"""
    assert programme(page, talks.days) == {first: (talks.days[0], "09:30"), second: (talks.days[1], "15:00")}


def test_a_family_sees_what_is_booked_what_is_signed_and_which_times_are_not_today() -> None:
    talk = uuid4()
    line = '<a href="/talks/%s"><b>today 10:00–10:25</b></a>\n  <span class="badge %s"><i></i>x</span>'
    assert is_booked(line % (talk, "good"), talk)
    assert not is_booked(line % (talk, "wait"), talk)
    assert is_signed('<p><span class="badge good"><i aria-hidden="true"></i>Signed</span></p>')
    assert not is_signed('<span class="badge good"><i aria-hidden="true"></i>Signed today 13:00</span>')
    option = (
        '<input id="best-%s" name="choice" type="radio" value="%s" required>\n'
        '<label for="best-%s">\n <span class="day">%s</span>'
    )
    page = option % (1, "a", 1, "Monday 23 November") + option % (2, "b", 2, "Tuesday 24 November")
    assert other_time(page, MONDAY) == "b"
    assert other_time(option % (1, "a", 1, "Monday 23 November"), MONDAY) is None
