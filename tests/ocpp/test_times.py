"""Times as messages and the API spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.times import FIRST, LAST, seconds_of, stamp, zone_of

AT = 1768464600.25
"""2026-01-15, ten past eight, and a quarter of a second."""


def test_a_time_is_written_in_utc() -> None:
    """With milliseconds, or without where a reader may fail on them."""
    assert stamp(AT) == "2026-01-15T08:10:00.250Z"
    assert stamp(AT, "seconds") == "2026-01-15T08:10:00Z"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1.0, "1970-01-01T00:00:00.000Z"),
        (1e12, "9999-12-31T23:59:59.000Z"),
        (float("inf"), "9999-12-31T23:59:59.000Z"),
    ],
)
def test_what_no_calendar_has(seconds: float, written: str) -> None:
    """A spoilt time is written as the nearest one that there is."""
    assert stamp(seconds) == written


@pytest.mark.parametrize("text", ["2026-01-15T08:10:00.25Z", "2026-01-15T09:10:00.250+01:00", "2026-01-15T08:10:00.25"])
def test_a_time_is_read(text: str) -> None:
    """Without an offset it is in UTC."""
    assert seconds_of(text) == AT


@pytest.mark.parametrize("text", ["", "now", "2026-02-30T08:10:00Z", "2026-01-15T25:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"isoformat|day|hour"):
        seconds_of(text)


@given(st.integers(int(FIRST), int(LAST) * 1000))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    """To the millisecond, which is cut and never rounded up."""
    seconds = milliseconds / 1000
    assert seconds - 0.0011 < seconds_of(stamp(seconds)) <= seconds + 1e-6


def test_time_zones() -> None:
    """What this machine knows is a time zone, and no file beside them."""
    assert zone_of("Europe/Berlin") == "Europe/Berlin"
    for name in ("", "Berlin", "Europe", "Europe/berlin", "../UTC", "/etc/passwd", "tzdata.zi"):
        with pytest.raises(ValueError, match="is no time zone that this machine knows"):
            zone_of(name)
