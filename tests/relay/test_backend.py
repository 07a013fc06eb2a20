"""Backends: when a lost link is dialled again, and what the settings come to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.dialect import Dialect
from voltgate.relay.backend import Backend, BackendSettings, Retry


def schedule(retry: Retry, draw: float = 0.0) -> list[float | None]:
    """Give the waits after the first twelve failures."""
    return [retry.delay(failures, lambda: draw) for failures in range(1, 13)]


def test_ten_tries_that_double_up_to_a_minute() -> None:
    """The schedule of ten tries from 5 s, doubled up to a minute, can be expressed."""
    retry = Retry(first=5, factor=2, longest=60, jitter=0, tries=10)
    assert schedule(retry) == [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, None, None]


def test_for_ever_by_default() -> None:
    """Without a number of tries a link is dialled for ever, at least once a minute."""
    assert schedule(Retry(jitter=0)) == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]
    assert Retry(jitter=0).delay(10_000, lambda: 0.0) == 60


def test_a_fixed_schedule() -> None:
    """A list of waits is gone through, and its last is repeated."""
    assert schedule(Retry(jitter=0, schedule=(1, 1, 5), tries=5))[:6] == [1, 1, 5, 5, 5, None]


def test_no_try_at_all() -> None:
    """With no tries a lost link stays lost."""
    assert Retry(tries=0).delay(1, lambda: 0.0) is None


@given(
    failures=st.integers(1, 1_000_000),
    draw=st.floats(0, 1),
    jitter=st.floats(0, 1),
    factor=st.floats(1, 1e6),
    longest=st.floats(1, 3600),
)
def test_chance_only_shortens_a_wait(failures: int, draw: float, jitter: float, factor: float, longest: float) -> None:
    """Jitter takes at most its share off a wait, and no wait is longer than the longest."""
    exact = Retry(factor=factor, longest=longest, jitter=0).delay(failures, lambda: draw)
    wait = Retry(factor=factor, longest=longest, jitter=jitter).delay(failures, lambda: draw)
    assert exact is not None
    assert wait is not None
    assert exact * (1 - jitter) - 1e-6 <= wait <= exact <= longest


@pytest.mark.parametrize(
    ("when_down", "then", "closes"),
    [
        ("wait", "close", True),
        ("wait", "refuse", False),
        ("close", "refuse", True),
        ("refuse", "close", False),
    ],
)
def test_what_when_down_comes_to(when_down: str, then: str, closes: bool) -> None:
    """Whether a station is let go follows from `when_down` and `then`."""
    settings = BackendSettings("a", when_down=when_down, then=then, wait=7, window=3)  # type: ignore[arg-type]
    bounds = settings.bounds(60)
    assert settings.closes == closes
    assert (bounds.window, bounds.patience) == (3, 60)


def test_what_a_backend_is_offered() -> None:
    """It is offered what station and backend have in common, in the station's order, or its own dialect."""
    settings = BackendSettings("a", versions=("ocpp1.6", "ocpp2.1"))
    assert settings.offers(("ocpp2.1", "ocpp2.0.1", "ocpp1.6")) == ("ocpp2.1", "ocpp1.6")
    assert settings.offers(("ocpp2.0.1",)) == ()
    spoken_otherwise = replace(settings, dialect=Dialect("ocpp2.0.1"))
    assert spoken_otherwise.offers(("ocpp1.6",)) == spoken_otherwise.offers(("ocpp1.5",)) == ("ocpp2.0.1",)


def test_a_backend_is_itself() -> None:
    """Two backends are told apart though they are set alike: each has its own counts."""
    settings = BackendSettings("a")
    assert Backend(settings) != Backend(settings)
    assert Backend(settings).name == "a"
