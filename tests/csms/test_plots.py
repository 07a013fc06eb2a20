"""Energy and power over time, as a picture."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from voltgate.csms.plots import plot, thinned

AT = 1768464600.0
"""2026-01-15, ten past eight, in UTC."""
SVG = "{http://www.w3.org/2000/svg}"
ROWS = [(AT + 60 * minute, 12_900.0 + 180 * minute, 11_040.0 if minute < 20 else 0.0) for minute in range(40)]


def parse(text: str) -> etree._Element:
    """Parse a picture that must be sound in itself: no script, and nothing from elsewhere."""
    root = etree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    for element in root.iter():
        assert isinstance(element.tag, str), "a comment, or an instruction"
        assert etree.QName(element).localname not in {"script", "image", "use", "a", "foreignObject", "iframe"}
        for name, value in element.attrib.items():
            assert not name.endswith("href")
            assert not name.startswith("on")
            assert "url(" not in value
    assert not re.search(r"@import|url\(|javascript", text)
    return root


def texts(root: etree._Element) -> list[str]:
    """Return what is written in a picture."""
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def dots(root: etree._Element, series: int) -> list[tuple[float, float, str]]:
    """Return the dots of a curve: where they are, and what each says of itself."""
    found = []
    for group in root.iterfind(f".//{SVG}g[@class='series serie-{series} color-{series}']/{SVG}g[@class='dots']"):
        circle, said = group.find(f"{SVG}circle"), group.find(f"{SVG}desc[@class='value']")
        assert circle is not None
        assert said is not None
        found.append((float(circle.get("cx", "")), float(circle.get("cy", "")), said.text or ""))
    return found


def test_a_plot_shows_energy_and_power_over_time() -> None:
    """Two axes with their units and round numbers, and the time in UTC with its date."""
    written = texts(parse(plot(ROWS, "Transaction 7 of CP-1")))
    assert {"Transaction 7 of CP-1", "Energy (Wh)", "Power (W)", "Time (UTC), 2026-01-15"} <= set(written)
    assert {"08:10", "08:15", "08:45"} <= set(written)
    assert [text for text in written if "," in text and text[0].isdigit()] == [
        "12,000", "14,000", "16,000", "18,000", "20,000", "22,000", "2,500", "5,000", "7,500", "10,000", "12,500",
    ]  # fmt: skip


def test_every_value_of_a_short_transaction_is_a_dot() -> None:
    """Each stands where its time and value put it, and says them."""
    root = parse(plot(ROWS, "x"))
    energy, power = dots(root, 0), dots(root, 1)
    assert [said for _, _, said in energy[:2]] == ["08:10: 12,900", "08:11: 13,080"]
    assert [said for _, _, said in power[19:21]] == ["08:29: 11,040", "08:30: 0"]
    for curve in (energy, power):
        assert len(curve) == 40
        steps = [right[0] - left[0] for left, right in pairwise(curve)]
        assert max(steps) - min(steps) < 1e-6
    heights = [left[1] - right[1] for left, right in pairwise(energy)]
    assert min(heights) > 0
    assert max(heights) - min(heights) < 1e-6


def test_what_was_not_measured_is_no_dot() -> None:
    """Stations send power and energy in different messages; the order of rows is that of their times."""
    root = parse(plot([(AT + 120, 13_000.0, None), (AT + 60, None, 7200.0), (AT, 12_900.0, None)], "x"))
    assert [said for _, _, said in dots(root, 0)] == ["08:10:00: 12,900", "08:12:00: 13,000"]
    assert [said for _, _, said in dots(root, 1)] == ["08:11:00: 7,200"]


@pytest.mark.parametrize(
    ("rows", "shown", "missing"),
    [
        ([(AT, 5.0, None), (AT + 60, 6.0, None)], "Energy (Wh)", "Power (W)"),
        ([(AT, None, 5.0), (AT + 60, None, 6.0)], "Power (W)", "Energy (Wh)"),
        ([(AT, 5.0, None)], "Energy (Wh)", "Power (W)"),
        ([], "No values", "Energy (Wh)"),
        ([(AT, None, None)], "No values", "Power (W)"),
        ([(AT, float("nan"), float("inf"))], "No values", "Power (W)"),
    ],
)
def test_a_plot_of_little(rows: list[tuple[float, float | None, float | None]], shown: str, missing: str) -> None:
    """What was never measured has no axis; a transaction without values says so."""
    written = texts(parse(plot(rows, "x")))
    assert shown in written
    assert missing not in written


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the clock of New York."""
    with monkeypatch.context() as moved:
        moved.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "labels", "days"),
    [
        (100, {"08:10:00", "08:11:30"}, "2026-01-15"),
        (4 * 3600, {"08:30", "12:00"}, "2026-01-15"),
        (20 * 3600, {"09:00", "03:00"}, "2026-01-15 to 2026-01-16"),
        (6 * 86400, {"01-16 00:00", "01-21 00:00"}, "2026-01-15 to 2026-01-21"),
        (3000 * 86400, set(), "2026-01-15 to 2034-04-03"),
    ],
)
@pytest.mark.usefixtures("new_york")
def test_times_are_round_and_in_utc(seconds: float, labels: set[str], days: str) -> None:
    """From seconds to years, wherever the server stands; a plot over midnight names both days."""
    written = texts(parse(plot([(AT, 0.0, None), (AT + seconds, 9.0, None)], "x")))
    assert labels <= set(written)
    assert f"Time (UTC), {days}" in written
    assert len([text for text in written if ":" in text]) <= 11


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", "]]>&amp;\"'", "null \0 and \ud800", "", "ü" * 5000])
def test_a_title_is_any_text(title: str) -> None:
    """It is written as it is, cut where it is too long, and never read as part of the picture."""
    root = parse(plot(ROWS[:2], title))
    shown = "".join(
        "".join(element.itertext()) for element in root.iter(f"{SVG}text") if "plot_title" in element.get("class", "")
    )
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", title.replace("\0", "�").replace("\ud800", "�")[:120])


def test_drawing_leaves_no_import_hook_behind() -> None:
    """That of pygal would turn each optional import that fails into a warning."""
    plot(ROWS, "x")
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)


def test_the_same_series_gives_the_same_text() -> None:
    """A picture can be cached, and compared."""
    assert plot(ROWS, "x") == plot(iter(ROWS), "x")


def test_a_plot_of_very_many_values_is_small_and_keeps_the_peaks() -> None:
    """The peak of one second in days is on the picture, and so are the first and the last value."""
    rows = [(AT + second, float(second), 7000.0) for second in range(200_000)]
    rows[123_456] = (AT + 123_456, 123_456.0, 22_000.0)
    rows[66_666] = (AT + 66_666, 66_666.0, 0.0)
    text = plot(rows, "x")
    assert len(text) < 150_000
    assert "25,000" in texts(parse(text))
    kept = thinned([(at, power) for at, _, power in rows])
    assert {(AT + 123_456, 22_000.0), (AT + 66_666, 0.0), (AT, 7000.0), (AT + 199_999, 7000.0)} <= set(kept)


POINTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=200).map(
    lambda points: sorted(points, key=lambda point: point[0])
)


@given(POINTS, st.integers(1, 8))
def test_thinning_makes_nothing_up(points: list[tuple[float, float]], columns: int) -> None:
    """What is left was there, in its order, with its ends and its extremes; and there are few of it."""
    kept = thinned(points, columns)
    left = iter(points)
    assert all(point in left for point in kept)
    assert len(kept) <= 4 * (columns + 1)
    if points:
        values, rest = [value for _, value in points], [value for _, value in kept]
        assert (kept[0], kept[-1]) == (points[0], points[-1])
        assert (min(rest), max(rest)) == (min(values), max(values))


VALUES = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1e5, 1e8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(1.3e9, 4e9), VALUES, VALUES), max_size=5))
def test_no_values_raise(rows: list[tuple[float, float | None, float | None]]) -> None:
    """Whatever stations have measured, there is a picture."""
    parse(plot(rows, "x"))
