"""Drafts: what is known is told, what is not is asked, and nobody's words become markup."""

from __future__ import annotations

from datetime import date, time

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from services.bulletins.domain.drafts import Known, Line, Meeting, Talks, plain, prompts, written
from services.bulletins.domain.trends import Trend
from shared.languages import LANGUAGES

TODAY = date(2026, 11, 2)


def drafted(known: Known, tag: str = "en") -> tuple[str, str]:
    draft = written(known, TODAY, lambda text: text, LANGUAGES[tag], lambda month: f"month {month.month}")
    return draft.learning, draft.activities


def test_of_nothing_an_honest_skeleton_is_made_with_prompts_alone() -> None:
    learning, activities = drafted(Known())
    for part in (learning, activities):
        items = [line for line in part.splitlines() if line.startswith("- ")]
        assert items
        assert all(line.startswith("- [") and line.endswith("]") for line in items)
    assert len(prompts(learning)) == 3
    assert len(prompts(activities)) == 2


def test_each_subject_is_asked_about_and_the_trend_is_told_in_words() -> None:
    known = Known(("6A",), ("Matematik", "Svenska"), (("6A", Trend.LESS),), date(2026, 10, 1))
    learning, _ = drafted(known)
    assert "- Matematik: [what do we work with" in learning
    assert "- The class as a whole was away less in month 10 than in the month before." in learning
    assert not any(sign.isdigit() for line in learning.splitlines() for sign in line if "away less" not in line)


def test_with_two_classes_each_trend_says_whose_it_is() -> None:
    known = Known(("4B", "6A"), (), (("6A", Trend.MORE),), date(2026, 10, 1))
    assert "- 6A: The class as a whole was away more" in drafted(known)[0]


def test_the_diary_is_split_at_today_and_begins_with_the_last_bulletin() -> None:
    diary = (
        Line(date(2026, 9, 1), "Long ago"),
        Line(date(2026, 10, 20), "The museum"),
        Line(TODAY, "Today's visit"),
        Line(date(2026, 11, 20), "The concert"),
        Line(date(2027, 3, 1), "Far away"),
    )
    _, activities = drafted(Known(diary=diary, since=date(2026, 10, 1)))
    been, to_come = activities.split("### What comes")
    assert "Tuesday 20 October: The museum" in been
    assert "Long ago" not in activities
    assert "Far away" not in activities
    assert to_come.index("Today's visit") < to_come.index("The concert")


def test_meetings_talks_and_days_off_come_in_the_order_of_time() -> None:
    known = Known(
        meetings=(Meeting(date(2026, 11, 25), time(18), time(19, 30), "Parents' meeting", "The hall"),),
        talks=(Talks(date(2026, 11, 17), date(2026, 11, 26), 24),),
        days_off=((date(2026, 11, 30), "A holiday"),),
        half_years=((date(2026, 8, 15), True), (date(2026, 12, 11), False)),
    )
    _, activities = drafted(known)
    lines = [line for line in activities.split("### What comes")[1].splitlines() if line.startswith("- ")]
    assert lines == [
        "- Tuesday 17 November to Thursday 26 November: talks between home and school, spread over 2 weeks.",
        "- Wednesday 25 November, 18:00–19:30: Parents' meeting, The hall.",
        "- Monday 30 November: no school (A holiday).",
        "- Friday 11 December: the last day of the half-year.",
    ]


def test_a_round_of_one_or_two_talks_is_not_told_of() -> None:
    few = Known(talks=(Talks(date(2026, 11, 17), date(2026, 11, 17), 2),))
    assert "talks between" not in drafted(few)[1]
    assert (
        "Tuesday 17 November: talks between home and school."
        in drafted(Known(talks=(Talks(date(2026, 11, 17), date(2026, 11, 17), 3),)))[1]
    )


def test_weeks_are_counted_from_monday_to_sunday() -> None:
    assert Talks(date(2026, 11, 16), date(2026, 11, 22), 3).weeks == 1
    assert Talks(date(2026, 11, 22), date(2026, 11, 23), 3).weeks == 2


@given(st.text(min_size=1, max_size=60))
def test_nobodys_words_become_markup(words: str) -> None:
    html = MarkdownIt("commonmark").render(f"- {plain('x' + words)}")
    assert html.count("<li>") == 1
    for tag in ("<em", "<strong", "<a ", "<img", "<code", "<h1", "<script", "<blockquote"):
        assert tag not in html


def test_a_prompt_is_found_and_a_link_or_escaped_bracket_is_none() -> None:
    assert prompts("- [What have we done?]\n- Svenska: [what?]") == ["[What have we done?]", "[what?]"]
    assert prompts("[a link](https://x.example) and ![a picture](attachment:1) and \\[words\\]") == []
