"""Dialects: what a version and its settings mean for one connection."""

from __future__ import annotations

from typing import Literal

import pytest

from voltgate.ocpp.dialect import SUBPROTOCOLS, Dialect, is_modern

OLD, NEW = SUBPROTOCOLS[:3], SUBPROTOCOLS[3:]


def test_the_registered_names() -> None:
    """All six names of OCPP-J are known."""
    assert SUBPROTOCOLS == ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1")


def test_what_is_modern() -> None:
    """OCPP 2.x is told from 1.x."""
    assert [version for version in SUBPROTOCOLS if Dialect(version).modern] == list(NEW)
    assert [version for version in SUBPROTOCOLS if is_modern(version)] == list(NEW)


def test_who_has_send() -> None:
    """SEND and CALLRESULTERROR exist in 2.1 only."""
    assert [version for version in SUBPROTOCOLS if Dialect(version).has_send] == ["ocpp2.1"]


@pytest.mark.parametrize(
    ("setting", "answered"), [("version", list(NEW)), ("answer", list(SUBPROTOCOLS)), ("ignore", [])]
)
def test_who_answers_bad_frames(setting: Literal["version", "answer", "ignore"], answered: list[str]) -> None:
    """An unreadable frame is answered by 2.x and not by 1.x, or as the setting says (FR-17, FR-18)."""
    assert [v for v in SUBPROTOCOLS if Dialect(v, bad_frame=setting).answers_bad_frames] == answered


def test_spelling() -> None:
    """Each version spells the codes of errors in its own way."""
    assert Dialect("ocpp1.6").spell("FormatViolation") == "FormationViolation"
    assert Dialect("ocpp2.0.1").spell("FormationViolation") == "FormatViolation"
