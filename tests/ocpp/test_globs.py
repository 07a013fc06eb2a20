"""Globs: what they match, and that none is compiled twice."""

from __future__ import annotations

import pytest

from voltgate.ocpp.globs import compile_glob


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("CP-*", "CP-1", True),
        ("CP-*", "XCP-1", False),
        ("Heartbeat", "Heartbeat", True),
        ("Heartbeat", "HeartbeatInterval", False),
        ("heartbeat", "Heartbeat", False),
        ("CP-?", "CP-12", False),
        ("CP-[12]", "CP-2", True),
        ("CP-[!12]", "CP-2", False),
        ("SecurityCtrlr.*", "SecurityCtrlrX", False),
        ("*", "line\nline", True),
        ("CP", "CP\n", False),
    ],
)
def test_what_a_glob_matches(glob: str, text: str, matches: bool) -> None:
    """A glob is for the whole of a text, and case counts."""
    assert bool(compile_glob(glob).match(text)) is matches


def test_a_glob_is_compiled_once() -> None:
    """Rules, permits and the directory share what is compiled, within a bound."""
    assert compile_glob("CP-*") is compile_glob("CP-*")
    assert compile_glob.cache_info().maxsize is not None
