"""What somebody has chosen decides how, when and by which ways they hear; no choice takes away what is owed at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.protocol import Way
from services.notifications.domain.choices import SOONEST, digest_day, how_of, next_digest, ways_of
from shared.events.people import Channel, Choice, How, PreferencesStated, PushAddress, Subject
from shared.events.roster import ContactStated

ME, EBBA, OLLE = uuid4(), uuid4(), uuid4()
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
EMAIL, SMS, PUSH, LETTER = Channel.EMAIL, Channel.SMS, Channel.PUSH, Channel.LETTER
BROWSER = PushAddress(endpoint="https://push.example/1", p256dh="key", auth="auth")
CHOICES = st.builds(
    Choice, subject=st.sampled_from(Subject), how=st.sampled_from(How), pupil_id=st.sampled_from([None, EBBA, OLLE])
)


def wishes(**said: Any) -> PreferencesStated:
    return PreferencesStated(person_id=ME, version=1, **said)


def chosen(how: How, pupil_id: UUID | None = None, subject: Subject = Subject.TALKS) -> Choice:
    return Choice(subject=subject, how=how, pupil_id=pupil_id)


def contact(*emails: str, phones: tuple[str, ...] = ()) -> ContactStated:
    return ContactStated(person_id=ME, version=1, given_name="A", family_name="B", emails=emails, phones=phones)


def channels(ways: tuple[Way, ...]) -> list[Channel]:
    return [way.channel for way in ways]


@given(st.lists(CHOICES, max_size=8), st.lists(st.sampled_from([EBBA, OLLE]), max_size=2))
def test_what_is_no_subject_always_comes_at_once(choices: list[Choice], pupils: list[UUID]) -> None:
    assert how_of(wishes(choices=tuple(choices)), None, pupils) is How.INSTANT


def test_whoever_has_said_nothing_hears_at_once() -> None:
    assert how_of(None, Subject.BULLETINS, [EBBA]) is How.INSTANT
    assert how_of(wishes(), Subject.BULLETINS, [EBBA]) is How.INSTANT


def test_a_choice_for_a_child_wins_over_the_general_one_and_counts_for_no_other_child() -> None:
    said = wishes(choices=(chosen(How.OFF), chosen(How.INSTANT, EBBA)))
    assert how_of(said, Subject.TALKS, [EBBA]) is How.INSTANT
    assert how_of(said, Subject.TALKS, [OLLE]) is How.OFF
    assert how_of(said, Subject.TALKS, []) is How.OFF
    assert how_of(said, Subject.BULLETINS, [OLLE]) is How.INSTANT


@given(st.lists(CHOICES, max_size=8), st.sampled_from(Subject))
def test_about_several_children_the_most_immediate_choice_decides(choices: list[Choice], subject: Subject) -> None:
    said = wishes(choices=tuple(choices))
    apart = [how_of(said, subject, [one]) for one in (EBBA, OLLE)]
    assert how_of(said, subject, [EBBA, OLLE]) is min(apart, key=SOONEST.index)


@given(
    st.integers(0, 2 * 366 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    st.sampled_from(["Europe/Stockholm", "Europe/Oslo", "Atlantic/Azores", "UTC"]),
)
def test_a_digest_comes_within_a_day_and_an_hour_and_one_on_every_day(now: datetime, at: time, zone: str) -> None:
    first = next_digest(now, zone, at)
    assert now < first <= now + timedelta(hours=25, minutes=30)
    second = next_digest(first, zone, at)
    assert digest_day(second, zone) == digest_day(first, zone) + timedelta(days=1)


def test_without_a_time_of_ones_own_the_digest_comes_at_half_past_seven() -> None:
    evening = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    assert next_digest(evening, "Europe/Stockholm", None) == datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def test_when_the_clocks_jump_the_digest_comes_at_the_jump_and_when_they_go_back_at_the_first_of_both() -> None:
    stockholm = "Europe/Stockholm"
    spring = next_digest(datetime(2026, 3, 28, 12, tzinfo=UTC), stockholm, time(2, 30))
    assert spring.astimezone(ZoneInfo(stockholm)).isoformat() == "2026-03-29T03:00:00+02:00"
    autumn = next_digest(datetime(2026, 10, 24, 12, tzinfo=UTC), stockholm, time(2, 30))
    assert autumn.astimezone(ZoneInfo(stockholm)).isoformat() == "2026-10-25T02:30:00+02:00"
    assert digest_day(next_digest(autumn, stockholm, time(2, 30)), stockholm) == date(2026, 10, 26)


def test_by_default_mail_comes_first_then_the_browser_and_a_text_message_only_for_what_may_not_wait() -> None:
    home, said = contact("a@b.se", phones=("0701740605",)), wishes(push=(BROWSER,))
    assert channels(ways_of(home, said, False)) == [EMAIL, PUSH, SMS]
    assert channels(ways_of(home, said, False, waits=True)) == [EMAIL, PUSH]
    assert channels(ways_of(contact(phones=("0701740605",)), None, False, waits=True)) == [SMS]


def test_the_channels_somebody_has_chosen_come_first_in_their_order() -> None:
    home = contact("a@b.se", "c@d.se", phones=("0701740605",))
    said = wishes(channels=(SMS, PUSH, EMAIL), push=(BROWSER,))
    assert channels(ways_of(home, said, False, waits=True)) == [SMS, PUSH, EMAIL, EMAIL]


@pytest.mark.parametrize("waits", [True, False])
def test_no_mail_for_what_may_wait_to_whoever_wants_none_but_always_for_what_may_not(waits: bool) -> None:
    home = contact("a@b.se", phones=("0701740605",))
    assert (EMAIL in channels(ways_of(home, wishes(email=False), False, waits=waits))) is not waits
    by_text = wishes(email=False, channels=(SMS,))
    assert channels(ways_of(home, by_text, False, waits=True)) == [SMS]
    assert channels(ways_of(home, wishes(email=False), False, waits=True)) == []


def test_what_is_owed_ends_with_a_letter_and_nothing_else_does() -> None:
    assert channels(ways_of(contact("a@b.se"), None, False, owed=True)) == [EMAIL, LETTER]
    assert ways_of(contact(), None, False, owed=True) == (Way(LETTER, str(ME)),)
    assert ways_of(contact(), None, False) == ()
    assert ways_of(None, None, False, owed=True) == ()


def test_what_cannot_be_written_to_is_no_way() -> None:
    home = contact("nobody", "simulate:bounce", phones=("08-123 456 78", "not a number"))
    assert ways_of(home, None, False) == ()
    assert ways_of(home, None, True) == (Way(EMAIL, "simulate:bounce"),)
