"""Shares by class of which none says what a single home does, and none can be had by subtracting."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.participation import Part, Share, shown

SIZES = st.lists(st.integers(0, 40), max_size=8)


def part(pupils: int, name: str = "", read: int = 0) -> Part:
    """A class that was sent one bulletin."""
    return Part(uuid4(), name or f"{pupils}", pupils, 1, read=Share(read, pupils), answered=Share(0, pupils))


def test_large_classes_stand_alone_and_the_small_together() -> None:
    found = shown([part(20, "A", 10), part(7, "B", 7), part(6, "C", 0)], 12)
    assert [(one.name, one.classes, one.pupils) for one in found.parts] == [("A", (), 20), ("", ("B", "C"), 13)]
    assert found.parts[1].read == Share(7, 13)
    assert found.whole is not None
    assert (found.whole.pupils, found.whole.read) == (33, Share(17, 33))
    assert found.hidden == ()


def test_where_even_together_they_are_too_few_nothing_is_shown_of_them_or_of_the_whole() -> None:
    found = shown([part(20, "A"), part(25, "D"), part(7, "B")], 12)
    assert [one.name for one in found.parts] == ["A", "D"]
    assert found.whole is None
    assert found.hidden == ("B",)


def test_a_class_without_pupils_is_no_class() -> None:
    assert shown([part(0, "A")], 12).parts == ()
    assert shown([part(0, "A"), part(20, "B")], 12).hidden == ()


@given(SIZES, st.integers(3, 15))
def test_no_figure_is_of_fewer_than_the_smallest_group(sizes: list[int], smallest: int) -> None:
    found = shown([part(size, f"{place}") for place, size in enumerate(sizes)], smallest)
    assert all(one.pupils >= smallest for one in found.parts)
    hidden = sum(sizes) - sum(one.pupils for one in found.parts)
    assert (hidden > 0) == bool(found.hidden)
    assert found.whole is None or (not found.hidden and found.whole.pupils == sum(sizes))


def test_a_share_is_rounded_down_so_that_all_means_all() -> None:
    assert Share(199, 200).percent == 99
    assert Share(200, 200).percent == 100
    assert Share(0, 0).percent is None
