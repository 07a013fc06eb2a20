"""With which security profile a station comes, and what is said to one that may not come so."""

from __future__ import annotations

import pytest

from voltgate.directory.lookup import Shown
from voltgate.directory.profiles import Arrival, Unfit, Wanted, arrival
from voltgate.directory.stations import Credentials, Entry, Station

OWN = Shown(secure=True, name="cp1", organizations=("Ours",), until=100.0)
PLAIN, TLS = Shown(), Shown(secure=True)


def comes(
    shown: Shown, *profiles: int, password: bool = False, ours: str = "", lookup: str | None = None
) -> Arrival | Unfit:
    """Let a station come that must have one of these profiles; none: any."""
    credentials = None if lookup is None else Credentials(lookup=lookup)
    station = Station("CP1", "cp1", Entry("main", credentials=credentials), "main")
    wanted = Wanted(frozenset(profiles) or None, frozenset({ours}) if ours else frozenset())
    return arrival(station, shown, password, wanted, 50.0, str.casefold)


@pytest.mark.parametrize(
    ("shown", "password", "profile"),
    [(PLAIN, False, 0), (PLAIN, True, 1), (TLS, True, 2), (OWN, False, 3), (OWN, True, 3)],
)
def test_each_way_has_its_profile(shown: Shown, password: bool, profile: int) -> None:
    """A certificate precedes a password."""
    found = comes(shown, 0, 1, 2, 3, password=password)
    assert isinstance(found, Arrival)
    assert found == Arrival(profile, proven=profile == 3, until=100.0 if profile == 3 else None)


@pytest.mark.parametrize(
    ("shown", "password", "profiles", "said"),
    [
        (PLAIN, False, (1,), "password is missing"),
        (TLS, False, (2, 3), "password is missing"),
        (PLAIN, False, (3,), "certificate of its own"),
        (TLS, True, (3,), "certificate of its own"),
        (PLAIN, True, (2,), "profile 2, and comes without TLS and with a password"),
        (TLS, False, (0,), "profile 0, and comes with TLS"),
        (PLAIN, True, (0, 2), "profile 0 or 2"),
        (Shown(secure=True, name="cp2"), True, (2, 3), "another one (CN)"),
        (Shown(secure=True, name="cp1", until=50.0), False, (3,), "expired"),
    ],
)
def test_what_is_said_to_one_that_may_not_come(
    shown: Shown, password: bool, profiles: tuple[int, ...], said: str
) -> None:
    """It is told what it lacks; only where a password would do it is asked for one."""
    found = comes(shown, *profiles, password=password)
    assert isinstance(found, Unfit)
    assert said in found.reason
    assert found.is_missing is ("missing" in said)


def test_a_bad_certificate_where_none_is_asked_for() -> None:
    """It is nobody's concern where a station comes with a password; where it may come by one it is refused."""
    bad = Shown(secure=True, is_bad=True)
    assert comes(bad, 2, password=True) == Arrival(2)
    assert comes(bad, password=True) == Arrival(2)
    assert isinstance(comes(bad, 2, 3, password=True), Unfit)


def test_the_operator_of_a_certificate() -> None:
    """Of the organizations one must be in it, if there are any."""
    assert isinstance(comes(OWN, 3, ours="Ours"), Arrival)
    assert isinstance(comes(OWN, 3, ours="Theirs"), Unfit)


def test_what_entry_and_listener_ask_for() -> None:
    """Of profiles both, where both ask; of organizations those of the entry, if it has any."""
    entry, listener = Wanted(frozenset({1, 2})), Wanted(frozenset({2, 3}), frozenset({"Ours"}))
    assert Wanted.of(entry, listener) == Wanted(frozenset({2}), frozenset({"Ours"}))
    assert Wanted.of(Wanted(), Wanted()).profiles is None
    assert Wanted.of(Wanted(None, frozenset({"Mine"})), listener) == Wanted(frozenset({2, 3}), frozenset({"Mine"}))
    neither = Wanted.of(Wanted(frozenset({1})), Wanted(frozenset({2}))).profiles
    assert neither == frozenset()


def test_a_registry_says_it_itself() -> None:
    """A station of a registry comes with what that says; its listener may ask for a certificate all the same."""
    for shown in (PLAIN, TLS, OWN):
        found = comes(shown, lookup="http://x/{station}")
        assert isinstance(found, Arrival)
        assert found.by_registry
    assert isinstance(comes(TLS, 3, lookup="http://x/{station}"), Unfit)
    assert isinstance(comes(Shown(secure=True, fingerprint="x"), 3, lookup="http://x/{station}"), Arrival)
