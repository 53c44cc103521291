"""Charts say their figures in words, show what is small, and hold under a strict policy."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from shared.web.charts import Column, Part, columns, key, shares, sparkline

counts = st.lists(st.integers(0, 10**6), max_size=8)


def parts(numbers: list[int]) -> list[Part]:
    return [Part("good", f"part {index}", number) for index, number in enumerate(numbers)]


def widths(svg: str) -> list[float]:
    return [float(width) for width in re.findall(r'width="([\d.]+)%"', svg)]


@given(counts)
def test_the_parts_fill_the_bar_and_none_that_exists_is_too_thin_to_see(numbers: list[int]) -> None:
    drawn = widths(shares("Duties", parts(numbers)))
    assert abs(sum(drawn) - 100) < 0.1
    assert len(drawn) == max(1, sum(number > 0 for number in numbers))
    assert min(drawn) >= 1


@given(counts)
def test_every_chart_is_well_formed_and_says_its_name_and_figures(numbers: list[int]) -> None:
    drawn = [
        shares("Ä & <b>", parts(numbers)),
        columns("Ä & <b>", [Column(f"day {index}", number) for index, number in enumerate(numbers)]),
        sparkline("Ä & <b>", numbers),
    ]
    for chart in drawn:
        root = ElementTree.fromstring(chart)  # noqa: S314 - our own text
        assert root.get("role") == "img"
        assert root.findtext("title") == "Ä & <b>"
        assert all(str(number) in (root.findtext("desc") or "") for number in numbers)


@given(counts)
def test_nothing_in_a_chart_needs_style_or_script(numbers: list[int]) -> None:
    whole = shares("a", parts(numbers)) + key(parts(numbers)) + sparkline("a", numbers)
    assert not re.search(r"style=|<style|<script|\bon\w+=|href", whole)


def test_columns_share_a_scale_from_zero() -> None:
    svg = columns("Absences", [Column("Mon", 10), Column("Tue", 20), Column("Wed", 0)])
    half, full, none = (float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', svg))
    assert (full, none) == (half * 2, 0)


def test_the_key_names_every_part_with_its_figure_even_an_empty_one() -> None:
    said = re.sub(r"<[^>]+>", " ", key([Part("good", "delivered", 4), Part("alarm", "missed", 0)]))
    assert said.split() == ["delivered", "4", "missed", "0"]
