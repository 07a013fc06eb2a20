"""The relay's end of a wire, for carriers that are tested without the relay."""

from __future__ import annotations

import json
from typing import Any

from voltgate.ocpp.messages import FOREVER


class RelayEnd:
    """Keeps what a wire brings, and how it ended."""

    def __init__(self) -> None:
        self.inbox: list[Any] = []
        self.until = FOREVER
        """When the last message was of no use any more."""
        self.ending: tuple[int, str] | None = None

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Keep a message."""
        self.until = until
        self.inbox.append(json.loads(text))

    def lost(self, code: int, reason: str) -> None:
        """Keep the end: there is one."""
        assert self.ending is None
        self.ending = (code, reason)

    def writable(self, yes: bool) -> None:
        """Fail: a wire that shares its connection is always writable."""
        raise AssertionError

    def gets(self, *expected: list[Any]) -> None:
        """Fail unless exactly this came since the last look."""
        found, self.inbox = self.inbox, []
        assert found == list(expected)
