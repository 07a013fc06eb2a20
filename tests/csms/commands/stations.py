"""A station at the other end of a command: it answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.table import parameters, perform
from voltgate.csms.commands.target import Facts, Target
from voltgate.ocpp.messages import Reply, Result

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
UNTOLD = Facts()
"""What a station has told that has told nothing."""
Answer = Mapping[str, Any] | Reply | Callable[[dict[str, Any]], Mapping[str, Any]]


class Station:
    """Answers each action with what it was given for it, and any other with Accepted."""

    def __init__(
        self, version: str, answers: Mapping[str, Answer] | None = None, *, soap: bool = False, facts: Facts = UNTOLD
    ) -> None:
        self.target = Target(version, 77, NOW, soap, facts)
        self.answers = answers or {}
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, action: str, payload: dict[str, Any]) -> Reply:
        """Take a call."""
        self.heard.append((action, payload))
        answer = self.answers.get(action, {"status": "Accepted"})
        if callable(answer):
            answer = answer(payload)
        return Result("1", msgspec.json.encode(answer)) if isinstance(answer, Mapping) else answer

    def told(self, command: str, /, **fields: Any) -> Outcome:
        """Let an operator command it."""
        return asyncio.run(perform(self.ask, self.target, parameters(command, fields)))


def sent(version: str, command: str, /, **fields: Any) -> Any:
    """Return the one message that a command makes: action and payload; or what the operator is told instead."""
    station = Station(version)
    outcome = station.told(command, **fields)
    return station.heard[0] if station.heard else outcome.info
