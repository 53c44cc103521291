"""The languages of a bulletin, what they lack, who may write it and when it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, time
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.bulletins import ACTIVITIES, BODY, LEARNING, leaves_at, may_begin, may_write
from services.bulletins.domain.editions import (
    PART_LONG,
    Edition,
    Lack,
    Lacking,
    addable,
    direction,
    in_order,
    is_tag,
    lacking,
    titles,
)
from shared.events.notify import MailingKind

BULLETIN, INFORMATION = MailingKind.BULLETIN, MailingKind.INFORMATION
SEVEN, SIX = time(7), time(18)


def edition(language: str = "sv", **parts: str) -> Edition:
    return Edition(language, parts.pop("subject", "Vecka 45"), {LEARNING: "a", ACTIVITIES: "b", **parts})


def test_every_language_needs_a_subject_and_all_parts() -> None:
    assert lacking(BULLETIN, [edition(), edition("en")]) == []
    half = edition("en", activities=" ", subject="")
    assert lacking(BULLETIN, [edition(), half]) == [
        Lacking(Lack.NO_SUBJECT, "en"),
        Lacking(Lack.NO_PART, "en", ACTIVITIES),
    ]
    assert lacking(BULLETIN, []) == [Lacking(Lack.NO_TEXT)]
    assert lacking(INFORMATION, [Edition("sv", "Mål", {BODY: "x"})]) == []


def test_a_question_of_the_draft_and_what_is_too_long_are_found() -> None:
    assert lacking(BULLETIN, [edition(learning="- Svenska: [vad?]")]) == [Lacking(Lack.UNFINISHED, "sv", LEARNING)]
    assert lacking(BULLETIN, [edition(learning="[länk](https://a.example)")]) == []
    assert lacking(BULLETIN, [edition(learning="x" * (PART_LONG + 1))]) == [Lacking(Lack.TOO_LONG, "sv", LEARNING)]


def test_the_schools_own_language_stands_first_then_ours_then_the_others() -> None:
    assert in_order(["ar", "en", "sv", "nb"], "nb") == ["nb", "sv", "en", "ar"]
    assert in_order(["so", "ar"], "sv") == ["ar", "so"]


@given(st.lists(st.sampled_from(["sv", "nb", "nn", "en", "ar", "so", "zh-Hant"])), st.sampled_from(["sv", "nb"]))
def test_no_language_is_lost_in_the_order(languages: list[str], first: str) -> None:
    assert sorted(in_order(languages, first)) == sorted(set(languages))


def test_languages_that_homes_read_can_be_added_and_nonsense_cannot() -> None:
    assert addable(["ar", "sv", "../x"], ["sv"]) == ["nb", "nn", "en", "ar"]
    assert all(is_tag(one) for one in ("ar", "zh-Hant", "pt-BR", "es-419"))
    assert not any(is_tag(one) for one in ("", "Swedish", "sv_SE", "x" * 40, "sv\n", "<b>"))


def test_languages_from_right_to_left_are_known() -> None:
    assert (direction("ar"), direction("fa-AF"), direction("so")) == ("rtl", "rtl", "ltr")


def test_headings_are_known_in_our_languages_and_left_out_in_others() -> None:
    assert all(titles(one)[LEARNING] and titles(one)[ACTIVITIES] for one in ("sv", "nb", "nn", "en", "no"))
    assert titles("ar")[LEARNING] == ""


def test_a_class_bulletin_is_its_mentors_and_information_the_principals_too() -> None:
    school, mine, other = uuid4(), uuid4(), uuid4()
    assert may_write(BULLETIN, school, [mine, other], {mine}, set())
    assert not may_write(BULLETIN, school, [other], {mine}, {school})
    assert may_write(INFORMATION, school, [], set(), {school})
    assert not may_write(INFORMATION, school, [], {mine}, set())
    assert not may_begin(BULLETIN, school, [mine, other], {mine}, {school})
    assert not may_begin(BULLETIN, school, [], {mine}, {school})
    assert may_begin(INFORMATION, school, [other], set(), {school})


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.one_of(st.none(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))),  # noqa: DTZ001
    st.sampled_from(["Europe/Stockholm", "Europe/Oslo"]),
)
def test_it_never_leaves_before_it_may_nor_while_the_school_is_quiet(
    now: datetime, wanted: datetime | None, zone: str
) -> None:
    from zoneinfo import ZoneInfo

    leaves = leaves_at(now, wanted, zone, SEVEN, SIX)
    assert leaves >= max(now, wanted or now)
    assert SEVEN <= leaves.astimezone(ZoneInfo(zone)).time() < SIX
