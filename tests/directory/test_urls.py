"""URLs of backends as they are shown."""

from __future__ import annotations

import pytest

from voltgate.directory.urls import shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", None),
        ("wss://csms.example/ocpp/{station}", "wss://csms.example/ocpp/{station}"),
        ("wss://ada:pw@csms.example:444/a#part", "wss://csms.example:444/a"),
        ("wss://csms.example/a?key=secret&plain", "wss://csms.example/a?…"),
        ("wss://[::1]/k7Qp2vX9bN4mT1cR/{station}", "wss://[::1]/…/{station}"),
        ("wss://h/5f2b8a90-1c3d-4e5f-8a9b-0c1d2e3f4a5b", "wss://h/…"),
        ("wss://h/k7Qp2vX9bN4mT1cR{station}/x", "wss://h/…/x"),
        ("wss://h/ocpp16/management-system/1234567890123456/{station}/", None),
        ("wss://h/a1{station}b2", None),
        ("mqtt://h:1883/cs", None),
    ],
)
def test_what_may_be_secret_is_not_shown(url: str, expected: str | None) -> None:
    """User name, password, query and fragment go, as do parts of a path that are no words: names and numbers stay."""
    assert shown(url) == (expected or url or None)
    assert shown(shown(url) or "") == shown(url)
