"""What `voltgate run` says of itself where there is no file."""

from __future__ import annotations

import pytest

from voltgate.app import foreground
from voltgate.app.life import Running


@pytest.mark.parametrize(
    ("unknown", "said"), [("route", "any station that comes by loopback"), ("quarantine", "waits until it is let in")]
)
def test_who_may_come_is_said_as_it_is(unknown: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address from the environment nobody comes in unasked, and the first line of advice says so."""
    lines: list[str] = []
    monkeypatch.setattr(foreground.OUTPUT, "put", lines.append)
    foreground._announce(Running({}, None, None, ("csms",), unknown=unknown))
    assert said in lines[1]
    assert len(lines) == 2
