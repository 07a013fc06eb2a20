"""A gateway with a backend and stations, on a loop of its own: tests of a browser wait, and are no coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.harness import Stage
from tests.harness.backend import ScriptedBackend
from tests.harness.configuration import merged
from tests.harness.gateway import Gateway
from tests.harness.station import ScriptedStation
from voltgate.web.bearer import digest_of, fresh, written

T = TypeVar("T")
ROLES = ("viewer", "operator", "admin")
KNOWN = [f"CP-{number:04}" for number in range(1, 301)]
"""Stations that have an entry of their own."""


class Theatre:
    """What a browser looks at."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.stage = Stage(folder)
        self._config = config
        self.tokens = {role: fresh() for role in ROLES}
        self.backend: ScriptedBackend
        self.gateway: Gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="theatre")
        self._thread.start()

    def play(self, what: Coroutine[Any, Any, T], seconds: float = 90) -> T:
        """Do something on the stage, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(seconds)

    @contextmanager
    def station(self, identity: str) -> Iterator[ScriptedStation]:
        """Connect a station, and take it away in the end."""
        station = self.play(self.stage.station(identity))
        try:
            yield station
        finally:
            self.play(station.drop())

    def open(self) -> None:
        """Start a backend, and a gateway with a token for each role."""
        self.play(self._open())

    async def _open(self) -> None:
        self.backend = await self.stage.backend("billing")
        for action, payload in (
            ("Heartbeat", {"currentTime": "2026-11-22T08:00:00Z"}),
            ("StartTransaction", {"transactionId": 77, "idTagInfo": {"status": "Accepted"}}),
            ("StatusNotification", {}),
        ):
            self.backend.answers(action, payload)
        people = [
            {"name": f"the-{role}", "role": role, "hash": written(digest_of(self.tokens[role]))} for role in ROLES
        ]
        config: dict[str, Any] = {
            "api": {"tokens": people, "base_path": "/voltgate"},
            "routes": {"main": {"admit": "gateway", "rules": [{"answer": "billing"}]}},
            "stations": [{"match": identity, "route": "main"} for identity in KNOWN],
            "unknown": {"policy": "quarantine"},
        }
        self.gateway = await self.stage.gateway(**merged(config, self._config))

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.gateway.http_port}/"

    def close(self) -> None:
        """End everything."""
        try:
            self.play(self.stage.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
