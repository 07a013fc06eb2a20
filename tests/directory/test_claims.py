"""Claims: whose a station is, of all who claim it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.directory.claims import PARTS, Claim, Claims, Conflict, Holding, IsOver, interned, part_of, read, written

KNOWN = frozenset({"a", "b", "c"})


def holding(backend: str, listed: float = 0.0, **since: float) -> Holding:
    """Make a list: stations with the time when they were claimed."""
    parts: list[dict[str, Claim]] = [{} for _ in range(PARTS)]
    for key, at in since.items():
        parts[part_of(key)][key] = Claim(key.upper(), at, at, backend)
    return Holding(backend, tuple(parts), listed)


def claims(*holdings: Holding, conflict: Conflict = "first", expire: float = 0.0) -> Claims:
    """Make the claims of all backends."""
    return Claims(conflict, expire, KNOWN, {each.backend: each for each in holdings})


def at(now: float) -> IsOver:
    """Tell by a clock that shows `now` whether something is over."""
    return lambda since, seconds: since + seconds <= now


def test_a_station_that_nobody_claims() -> None:
    """Without a claim a station is nobody's."""
    assert claims().holder("x", at(0.0)) == ""
    assert claims(holding("a", y=1)).holder("x", at(2.0)) == ""
    assert claims(holding("a", x=1)).holder("x", at(2.0)) == "a"


@pytest.mark.parametrize(("conflict", "holder"), [("first", "b"), ("newest", "c"), ("neither", "")])
def test_conflicts(conflict: Conflict, holder: str) -> None:
    """Of several claims the first, the newest or none counts; all are named, the oldest first."""
    found = claims(holding("a", x=20), holding("b", x=10), holding("c", x=30), conflict=conflict)
    assert found.holder("x", at(40.0)) == holder
    assert [backend for _, backend in found.standing("x", at(40.0))] == ["b", "a", "c"]


def test_claims_of_the_same_moment() -> None:
    """Of claims that were made at the same time the order of the names decides, not that of the lists."""
    for lists in ((holding("a", x=1), holding("b", x=1)), (holding("b", x=1), holding("a", x=1))):
        assert claims(*lists).holder("x", at(2.0)) == "a"
        assert claims(*lists, conflict="newest").holder("x", at(2.0)) == "b"


def test_expiry() -> None:
    """A claim lasts as long as it is said again: in a whole list, or by itself."""
    found = claims(holding("a", x=10), holding("b", listed=50, x=20), expire=100)
    assert found.holder("x", at(109.9)) == "a"
    assert found.holder("x", at(110.0)) == "b"
    assert found.holder("x", at(149.9)) == "b"
    assert found.holder("x", at(150.0)) == ""
    assert claims(holding("a", x=10)).holder("x", at(1e12)) == "a"


def test_backends_that_are_gone() -> None:
    """The claim of a backend that is not configured is none, and counts again when the backend is back."""
    gone = holding("gone", x=1)
    assert claims(gone, holding("b", x=2)).holder("x", at(3.0)) == "b"
    assert claims(gone, conflict="neither").holder("x", at(3.0)) == ""


def test_size() -> None:
    """Claims are counted in a list, and in all."""
    found = claims(holding("a", x=1, y=1), holding("b", x=1))
    assert (len(found), len(found.of("a")), len(found.of("nobody"))) == (3, 2, 0)
    assert sorted(key for key, _ in found.of("a")) == ["x", "y"]


@given(st.sets(st.text(st.characters(codec="utf-8"), min_size=1, max_size=48)))
def test_a_part_is_read_as_it_was_written(identities: set[str]) -> None:
    """Whatever identities are made of, what is written of a list can be read."""
    part = {identity.casefold(): Claim(identity, 1.5, 2.25, "the-operator") for identity in identities}
    document = read(written("a", 7, part))
    assert (document.backend, document.part) == ("a", 7)
    assert {claim.identity.casefold(): claim for claim in document.claims} == part


def test_what_claims_have_in_common_is_kept_once() -> None:
    """A million claims of one call share their times and the name of who made them."""
    many = read(written("a", 0, {str(n): Claim(str(n), 1234.5, 1234.5, "an operator") for n in range(100)})).claims
    shared = list(interned(many))
    assert shared == many
    assert len({id(claim.since) for claim in shared} | {id(claim.by) for claim in shared}) == 2
    assert sys.getsizeof(shared[0]) <= 64
