"""The commands of a simulated station: one table for each version, with a plausible answer to every command.

Most commands need no more than a fixed answer (`answers`); what changes the station is a function in `commands16` or
`commands2`. What a command causes happens after its answer is sent (2.1 Part 2 FR.05).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.ocpp import actions
from voltgate.ocpp.dialect import is_modern
from voltgate.simulator import answers, commands_2x, commands_16
from voltgate.simulator.channel import Command
from voltgate.simulator.charging_station import ChargingStation

Fields: TypeAlias = dict[str, Any]
After: TypeAlias = Callable[[float], None]
Handler: TypeAlias = Callable[[ChargingStation, Fields], tuple[Fields, After | None]]


def execute(station: ChargingStation, request: Command, now: float) -> None:
    """Answer a command and execute it. A known command without an entry is NotSupported (FR-25)."""
    command = _table(station.version).get(request.action)
    if command is not None:
        answer, after = command(station, request.payload)
        request.answer(answer)
        if after is not None:
            after(now)
        return
    fixed = answers.fixed(station.version, request.action)
    if fixed is None:
        request.refuse("NotSupported", f"a simulated station does not do {request.action[:50]}")
    else:
        request.answer(fixed)


def supported(version: str) -> frozenset[str]:
    """Return the commands that a station of `version` executes."""
    have = set(_table(version)) | set(answers.names(version))
    return frozenset(have & actions.from_backends(version))


def _table(version: str) -> dict[str, Handler]:
    return commands_2x.COMMANDS if is_modern(version) else commands_16.COMMANDS
