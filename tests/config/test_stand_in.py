"""What the configuration says of a stand-in reaches the backends."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltgate.app.build import Surroundings, build
from voltgate.config import read
from voltgate.ocpp.ids import Token

TEXT = """
[token_groups.staff]
tokens = ["04EM*"]
file = "staff.txt"

[backends.csms]
url = "wss://csms.example/ocpp"
when_down = "answer"
stand_in = { tokens = ["Guest", "77*"], token_groups = ["staff"] }

[routes.home]
rules = [{ answer = "csms" }]

[[stations]]
match = "*"
route = "home"
"""


@pytest.mark.parametrize(
    ("tag", "may_charge"),
    [("guest", True), ("guests", False), ("7712", True), ("04em1", True), ("ABC", True), ("ABCD", False)],
)
def test_patterns_and_groups(tmp_path: Path, tag: str, may_charge: bool) -> None:
    """Tokens, patterns and groups of a stand-in mean what they mean in a rule."""
    (tmp_path / "staff.txt").write_text("abc  # the boss\n")
    (tmp_path / "voltgate.toml").write_text(TEXT)
    config = read(tmp_path / "voltgate.toml", {}).config
    (backend,) = build(config, Surroundings(), None).backends.values()
    assert backend.settings.stand_in.tokens.matches(Token(tag)) is may_charge
