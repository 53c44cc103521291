"""A municipality's own words are text and a few names, and nothing that runs, leads away or looks like a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.wordings import (
    EMPTY,
    LINKED,
    LONG_BODY,
    LONG_SUBJECT,
    NAMES,
    NOT_ALLOWED,
    UNKNOWN,
    UNREADABLE,
    WORDED,
    Wording,
    filled,
    names_for,
    problem,
)
from shared.events.notify import NotificationKind

BOOKED = NotificationKind.TALK_BOOKED
VALUES = {"school": "Björkskolan", "day": "Monday 23 November", "count": "2", "when": "17:00–17:20", "place": "Sal 7"}


def test_names_are_filled_in_and_paragraphs_stand_by_empty_lines() -> None:
    words = filled(Wording("Talk at {{ school }}", "Welcome\nto us.\r\n\r\n{{when}}, {{ place }}\n\n \n"), VALUES)
    assert words is not None
    assert words.subject == "Talk at Björkskolan"
    assert words.paragraphs == ("Welcome to us.", "17:00–17:20, Sal 7")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_a_value_is_data_whatever_it_looks_like(name: str) -> None:
    words = filled(Wording("A", "X {{ school }} Y"), {**VALUES, "school": f"{{{{7*7}}}}{name}"})
    assert words is not None
    assert words.paragraphs[0].startswith("X {{7*7}}")
    assert "49" not in words.paragraphs[0].replace(name, "")


@pytest.mark.parametrize(
    "text",
    [
        "{{ 7*7 }}",
        "{{ school.upper() }}",
        "{{ school | upper }}",
        "{{ school.__class__ }}",
        "{{ school['x'] }}",
        "{{ 'text' }}",
        "{{ school ~ day }}",
        "{{ school if day else day }}",
        "{{ not school }}",
        "{{ [school] }}",
        "{% for x in school %}x{% endfor %}",
        "{% set school = 1 %}",
        "{# a note #}",
        "{% raw %}x{% endraw %}",
        "{%- include 'letter.txt' -%}",
    ],
)
def test_whatever_is_more_than_a_name_is_refused(text: str) -> None:
    assert problem(BOOKED, "A", f"B {text}") == NOT_ALLOWED
    assert problem(BOOKED, text, "B") == NOT_ALLOWED
    assert filled(Wording("A", f"B {text}"), VALUES) is None


@pytest.mark.parametrize(
    "text", ["{{ pupil }}", "{{ count }}", "{{ self }}", "{{ range }}", "{{ school }} {{ lipsum }}"]
)
def test_a_name_that_is_not_of_this_message_is_refused(text: str) -> None:
    assert problem(BOOKED, "A", text) == UNKNOWN


@pytest.mark.parametrize("text", ["{{ school", "{{ }}", "{{ school }}}} {{", "{{ a b }}"])
def test_braces_that_cannot_be_read_are_refused(text: str) -> None:
    assert problem(BOOKED, "A", text) in (UNREADABLE, NOT_ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "HTTP://x",
        "see www.school.se",
        "evil.com",
        "skola.se/logga-in",
        "mailto:a@b.se",
        "javascript:alert(1)",
    ],
)
def test_no_address_of_anybody_elses_may_stand_in_it(text: str) -> None:
    assert problem(BOOKED, "A", f"Look at {text} now") == LINKED
    assert problem(BOOKED, f"Look at {text}", "B") == LINKED


def test_there_is_a_limit_to_everything_and_both_must_be_written() -> None:
    assert problem(BOOKED, " ", "B") == problem(BOOKED, "A", "\n \n") == EMPTY
    assert problem(BOOKED, "x" * 121, "B") == LONG_SUBJECT
    assert problem(BOOKED, "A", "x" * 3001) == LONG_BODY
    assert problem(BOOKED, "A", "x\n\n" * 13) == LONG_BODY
    assert problem(BOOKED, "x" * 120, "x" * 3000) is None


def test_where_a_name_has_no_value_the_built_in_words_are_used() -> None:
    assert filled(Wording("A", "In {{ place }}"), {**VALUES, "place": ""}) is None
    assert filled(Wording("A", "In {{ school }}"), {**VALUES, "place": ""}) is not None


@pytest.mark.parametrize("kind", WORDED)
def test_every_name_that_is_offered_for_a_message_may_be_used_in_it(kind: NotificationKind) -> None:
    offered = names_for(kind)
    assert set(offered) <= set(NAMES)
    body = "\n\n".join(f"{{{{ {name} }}}}" for name in offered)
    assert problem(kind, "A", body) is None
    assert filled(Wording("A", body), VALUES) is not None


@given(st.text(max_size=200))
def test_whatever_is_written_is_refused_with_a_sentence_or_can_be_filled_in(text: str) -> None:
    said = problem(BOOKED, "A", text)
    assert said is not None or filled(Wording("A", text), VALUES) is not None
