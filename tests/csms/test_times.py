"""Timestamps as stations write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.csms.times import read_time

AT = 1768464600.0
"""2026-01-15, ten past eight, in UTC."""


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-15T08:10:00Z",
        "2026-01-15T08:10:00.000Z",
        "2026-01-15T08:10:00.0000000Z",
        "2026-01-15T08:10:00,000Z",
        "2026-01-15T08:10Z",
        "2026-01-15t08:10:00z",
        "2026-01-15 08:10:00Z",
        "2026-01-15T08:10:00 Z",
        " 2026-01-15T08:10:00Z ",
        "2026-01-15T08:10:00",  # Growatt THOR
        "2026-01-15T09:10:00+01:00",
        "2026-01-15T10:10:00+02",
        "2026-01-15T10:10:00+0200",
        "2026-01-15T02:40:00-05:30",
        "2026-01-15T08:10:00-00:00",
        "20260115T081000Z",
    ],
)
def test_every_common_form_of_a_timestamp_is_read(written: str) -> None:
    """Stations write a moment in many ways; without an offset it is in UTC."""
    assert read_time(written) == AT


def test_the_fraction_of_a_second_is_kept() -> None:
    """Two events of one second keep their order."""
    assert read_time("2026-01-15T08:10:00.25Z") == AT + 0.25


@pytest.mark.parametrize(
    "written",
    [
        None, "", "Z", "now", "2026-01-15", "08:10:00", "2026-02-30T08:10:00Z", "2026-01-15T25:00:00Z",
        "15.01.2026 08:10", "2026-01-15T08:10:00+99:00", 1768464600, 1768464600.0, True, [], {},
        ["2026-01-15T08:10:00Z"], "2" * 100_000,
        "1970-01-01T00:00:12Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2009-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z",
    ],
)  # fmt: skip
def test_what_tells_no_moment_gives_none(written: object) -> None:
    """A date alone, another type, and a clock that was never set (MicroOcpp before its boot answer) tell no moment."""
    assert read_time(written) is None


@given(st.text(max_size=80) | st.datetimes().map(str))
def test_no_text_raises(written: str) -> None:
    """Whatever a station writes gives a moment or none."""
    read_time(written)
