"""Charts drawn on the server: SVG without style or script, so that a strict policy and dark mode both hold.

Pure functions on numbers. Labels come in the reader's language. Colours are classes of the stylesheet; every figure is
also in the words of the chart, and `key` writes it beside the chart, so that nothing depends on seeing colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

Kind = Literal["plain", "good", "wait", "alarm", "quiet", "track"]
LEAST_PERCENT = 1.0  # a part that exists is seen, however small: one missed notice of ten thousand matters
WIDTH, HEIGHT, FOOT, HEAD = 360, 130, 20, 16
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 120, 32, 3


@dataclass(frozen=True)
class Part:
    """One part of a whole."""

    kind: Kind
    label: str
    count: int


@dataclass(frozen=True)
class Column:
    """One column: what stands under it, how high it is, and its colour."""

    label: str
    count: int
    kind: Kind = "plain"


def shares(title: str, parts: Sequence[Part]) -> Markup:
    """One bar over the full width, divided as the parts divide the whole. Empty parts leave no trace."""
    seen = [part for part in parts if part.count > 0]
    drawn, at = [], 0.0
    for part, width in zip(seen, _widths([part.count for part in seen]), strict=True):
        drawn.append(_rect(f"fill-{part.kind}", f"{at:.2f}%", "0", f"{width:.2f}%", "100%"))
        at += width
    inside = Markup("").join(drawn) or _rect("fill-track", "0", "0", "100%", "100%")
    told = ", ".join(f"{part.label} {part.count}" for part in parts)
    return Markup('<svg class="chart shares" role="img">{}{}</svg>').format(_told(title, told), inside)


def key(parts: Sequence[Part]) -> Markup:
    """The figures of a divided bar as a list, each with its colour."""
    mark = Markup('<svg aria-hidden="true"><rect class="fill-{}" width="100%" height="100%" rx="3"/></svg>')
    item = Markup("<li>") + mark + Markup("{} <b>{}</b></li>")
    items = [item.format(part.kind, part.label, part.count) for part in parts]
    return Markup('<ul class="key">{}</ul>').format(Markup("").join(items))


def columns(title: str, days: Sequence[Column]) -> Markup:
    """A column a day, its figure above it and its label below. Columns share one scale that begins at zero."""
    most = max([day.count for day in days], default=0) or 1
    step = WIDTH / max(len(days), 1)
    drawn = Markup("").join(_column(day, index * step, step, most) for index, day in enumerate(days))
    ground = HEIGHT - FOOT
    axis = Markup('<line class="axis" x1="0" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, ground, ground)
    told = ", ".join(f"{day.label} {day.count}" for day in days)
    box = Markup('<svg class="chart columns" role="img" viewBox="0 0 {} {}">{}{}{}</svg>')
    return box.format(WIDTH, HEIGHT, _told(title, told), axis, drawn)


def sparkline(title: str, values: Sequence[float]) -> Markup:
    """A line without axes: the course of something, its last value marked. One value is a point; none is empty."""
    low, high = min(values, default=0), max(values, default=0)
    room, scale = SPARK_HEIGHT - 2 * SPARK_EDGE, (high - low) or 1
    step = (SPARK_WIDTH - 2 * SPARK_EDGE) / max(len(values) - 1, 1)
    heights = [SPARK_EDGE + room * (1 - (value - low) / scale) for value in values]
    points = [(SPARK_EDGE + index * step, height) for index, height in enumerate(heights)]
    line = Markup('<polyline class="line-plain" points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
    last = Markup('<circle class="fill-plain" cx="{:.1f}" cy="{:.1f}" r="{}"/>')
    mark = last.format(*points[-1], SPARK_EDGE) if points else Markup("")
    box = Markup('<svg class="chart spark" role="img" viewBox="0 0 {} {}">{}{}{}</svg>')
    told = ", ".join(f"{value:.15g}" for value in values)
    return box.format(SPARK_WIDTH, SPARK_HEIGHT, _told(title, told), line, mark)


def _widths(counts: Sequence[int]) -> list[float]:
    """Per cent of the bar each: the least for everyone, and the rest in proportion."""
    rest, whole = 100 - LEAST_PERCENT * len(counts), sum(counts)
    return [LEAST_PERCENT + rest * count / whole for count in counts]


def _column(day: Column, left: float, step: float, most: int) -> Markup:
    height = (HEIGHT - FOOT - HEAD) * day.count / most
    middle, top = left + step / 2, HEIGHT - FOOT - height
    width = min(step * 0.62, 34)
    bar = _rect(f"fill-{day.kind}", f"{middle - width / 2:.1f}", f"{top:.1f}", f"{width:.1f}", f"{height:.1f}")
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
    return bar + text.format(middle, top - 4, day.count) + text.format(middle, HEIGHT - 5, day.label)


def _rect(kind: str, x: str, y: str, width: str, height: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(kind, x, y, width, height)


def _told(title: str, text: str) -> Markup:
    """The chart's name and its figures, for those who hear it."""
    return Markup("<title>{}</title><desc>{}</desc>").format(escape(title), text)
