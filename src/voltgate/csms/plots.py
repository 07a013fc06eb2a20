"""Energy and power over time as a picture: SVG without scripts and without references to anything outside it.

pygal draws; it is imported when the first plot is drawn.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

Point: TypeAlias = tuple[float, float]
"""A moment in seconds since 1970, and a value."""

_WIDTH, _HEIGHT = 900, 420
_PIXELS = 700
"""Columns of the picture that values fall into: more than four points in one cannot be told apart."""
_MOST_DOTS = 60
"""Above it the dots of a curve run into each other."""
_LONGEST_TITLE = 120
_INTERVALS = 5
"""Between the labels of a vertical axis."""
_TIMES = 8
"""Labels of the time axis, about."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TIME_STEPS = (
    1, 2, 5, 10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR,
    3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 28 * _DAY,
)  # fmt: skip
_not_xml = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CLOCKS = ((5 * _MINUTE, "%H:%M:%S"), (_DAY, "%H:%M"), (math.inf, "%m-%d %H:%M"))
"""How moments are written on the time axis, by how long it is at most."""
_STYLE = {
    "background": "white",
    "plot_background": "white",
    "colors": ("#1864ab", "#d9480f"),
    "font_family": "sans-serif",
    "no_data_font_size": 20,
    "guide_stroke_color": "#dddddd",
    "guide_stroke_dasharray": "1,0",
    "major_guide_stroke_color": "#dddddd",
    "major_guide_stroke_dasharray": "1,0",
}
_MOST = 1e15
"""Nothing is drawn beyond it: no meter counts so far."""


@dataclass(frozen=True, slots=True)
class _Curve:
    """One quantity over time, and its vertical axis: from `low`, in equal steps."""

    name: str
    points: Sequence[Point]
    low: float
    step: float

    @property
    def high(self) -> float:
        return self.low + _INTERVALS * self.step

    @property
    def labels(self) -> list[float]:
        return [self.low + number * self.step for number in range(_INTERVALS + 1)]


def plot(series: Iterable[tuple[float, float | None, float | None]], title: str) -> str:
    """Return the SVG of a transaction: its energy on the left axis and its power on the right one, over time in UTC.

    `series` has a moment in seconds since 1970, the energy in Wh and the power in W; None where one was not measured.
    Of many points those stay that make the curve: the first, the last, the least and the most of each column of pixels.
    The same series gives the same text. Nothing in it is taken from outside but `title`, which may be any text.
    """
    rows = sorted(series, key=lambda row: row[0])
    energy = _curve("Energy (Wh)", [(row[0], row[1]) for row in rows])
    power = _curve("Power (W)", [(row[0], row[2]) for row in rows], base=0.0)
    return _draw([curve for curve in (energy, power) if curve is not None], title)


def thinned(points: Sequence[Point], columns: int = _PIXELS) -> list[Point]:
    """Return at most four points for each column: its first, its last, and those between with the least and the most.

    `points` are in the order of time, and so is what is returned.
    """
    if len(points) <= 4 * columns:
        return list(points)
    start, width = points[0][0], (points[-1][0] - points[0][0]) / columns or 1.0
    kept: list[Point] = []
    column: list[Point] = []
    number = 0
    for point in points:
        here = int((point[0] - start) / width)
        if here != number:
            kept += _outline(column)
            column, number = [], here
        column.append(point)
    return kept + list(_outline(column))


def _outline(column: Sequence[Point]) -> Iterator[Point]:
    if column:
        places = range(len(column))
        least, most = (choose(places, key=lambda place: column[place][1]) for choose in (min, max))
        for place in sorted({0, least, most, len(column) - 1}):
            yield column[place]


def _curve(name: str, points: Iterable[tuple[float, float | None]], base: float | None = None) -> _Curve | None:
    """Return the curve of what was measured; None for nothing. Its axis has `base` on it, if there is one."""
    known = [(at, value) for at, value in points if value is not None and abs(value) < _MOST]
    if not known:
        return None
    kept = thinned(known)
    values = [value for _, value in kept] + ([] if base is None else [base])
    low, step = _axis(min(values), max(values))
    return _Curve(name, kept, low, step)


def _axis(least: float, most: float) -> tuple[float, float]:
    """Return where an axis begins and its step, a round number, so that few equal steps hold all values."""
    size = 10.0 ** math.floor(math.log10((most - least) / _INTERVALS or 1.0))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = size * factor
        low = math.floor(least / step) * step
        if low + _INTERVALS * step >= most:
            break
    return low, step


def _draw(curves: Sequence[_Curve], title: str) -> str:
    pygal = _pygal()
    chart = pygal.XY(
        width=_WIDTH,
        height=_HEIGHT,
        explicit_size=True,
        disable_xml_declaration=True,
        js=[],
        style=pygal.style.Style(**_STYLE),
        stroke_style={"width": 2},
        title=_not_xml.sub("�", title)[:_LONGEST_TITLE] or None,
        truncate_label=-1,
        truncate_legend=-1,
        no_data_text="No values",
    )
    chart.uuid = "plot"  # pygal's own is another one each time
    for number, curve in enumerate(curves):
        if number == 0:
            chart.config(range=(curve.low, curve.high), y_labels=curve.labels, y_title=curve.name)
        else:
            chart.config(secondary_range=(curve.low, curve.high))
        chart.add(curve.name, curve.points, secondary=number > 0, show_dots=len(curve.points) <= _MOST_DOTS)
    if curves:
        _mark_times(chart, [at for curve in curves for at, _ in curve.points])
    else:
        chart.config(show_x_labels=False, show_y_labels=False)
    chart.add_xml_filter(_without_scripts)
    return str(chart.render(is_unicode=True))


@cache
def _pygal() -> Any:
    """Import pygal without its import hook, for maps: Python 3.11 warns of it at every import, later ones ignore it."""
    import pygal  # noqa: PLC0415 - few processes draw

    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _without_scripts(root: Any) -> Any:
    """Return the tree without scripts and comments: pygal writes its settings, its version and the date into them."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return root


def _mark_times(chart: Any, moments: Sequence[float]) -> None:
    first, last = min(moments), max(moments)
    days = sorted({_written(at, "%Y-%m-%d") for at in (first, last)})
    clock = next(shape for longest, shape in _CLOCKS if last - first <= longest)
    chart.config(
        x_title=f"Time (UTC), {' to '.join(days)}",
        xrange=(first, max(last, first + 1)),
        x_labels=_round_moments(first, last),
        x_value_formatter=lambda at: _written(at, clock),
        value_formatter=lambda value: f"{value:,.3f}".rstrip("0").rstrip("."),
    )


def _round_moments(first: float, last: float) -> list[float]:
    step = next((step for step in _TIME_STEPS if (last - first) / step <= _TIMES), (last - first) / _TIMES)
    return [number * step for number in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _written(at: float, shape: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(shape)
