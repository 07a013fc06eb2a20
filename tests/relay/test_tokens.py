"""Which tokens a rule is for."""

from __future__ import annotations

import pytest

from voltgate.ocpp.ids import Token
from voltgate.relay.tokens import ANY, NONE, Spelling, listed


@pytest.mark.parametrize(
    ("patterns", "token", "matches"),
    [
        (["04E1"], "04e1", True),
        (["04E1"], "04E12", False),
        (["04E*"], "04e12", True),
        (["04E*", "05*"], "05", True),
        (["*"], "anything", True),
        ([], "04E1", False),
        (["04E*"], "04", False),
    ],
)
def test_lists(patterns: list[str], token: str, matches: bool) -> None:
    """A list holds exact tokens and beginnings, without regard to case."""
    assert listed(patterns).matches(Token(token)) is matches


def test_case() -> None:
    """Case counts when it is set to."""
    assert not listed(["04E1", "AB*"], spelling=Spelling(case_sensitive=True)).matches(Token("04e1"))
    assert listed(["04E1", "AB*"], spelling=Spelling(case_sensitive=True)).matches(Token("ABc"))


def test_any_and_none() -> None:
    """A rule may be for calls with any token, or with none."""
    assert ANY.matches(Token("x"))
    assert not ANY.matches(None)
    assert NONE.matches(None)
    assert not NONE.matches(Token("x"))
    assert not listed(["*"]).matches(None)


def test_types() -> None:
    """A rule may be for some types of 2.x tokens only."""
    cards = listed(["*"], kinds=["ISO14443"])
    assert cards.matches(Token("04", "ISO14443"))
    assert not cards.matches(Token("04", "eMAID"))


@pytest.mark.parametrize(
    ("spelling", "token", "matches"),
    [
        (Spelling(reverse_bytes=True), "C3B2A104", True),
        (Spelling(reverse_bytes=True), "04a1b2c3", True),
        (Spelling(reverse_bytes=True), "C3B2A1040", False),
        (Spelling(reverse_bytes=True), "not hexa", False),
        (Spelling(), "C3B2A104", False),
        (Spelling(strip_zeros=True), "4A1B2C3", True),
        (Spelling(strip_zeros=True), "004A1B2C3", True),
        (Spelling(strip_zeros=True), "0", False),
        (Spelling(reverse_bytes=True, strip_zeros=True), "C3B2A104", True),
    ],
)
def test_what_readers_do_to_tokens(spelling: Spelling, token: str, matches: bool) -> None:
    """Reversed bytes and lost zeros are allowed for when set (SmartEVSE-3.5#98, sap/ev-server#1774)."""
    assert listed(["04A1B2C3"], spelling=spelling).matches(Token(token)) is matches
