"""The management system on its store: whatever a station may say is kept by it."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

import msgspec

from tests.csms.payloads import FOLDERS, broken, full, minimal
from tests.csms.stage import FakeStation, Stage
from tests.store.conftest import Open
from voltgate.ocpp.actions import from_stations, is_transaction
from voltgate.ocpp.messages import Result
from voltgate.store.csms.store import CsmsStore

ODD = "a\0b" + "é" * 600
"""A text that no database takes as it is, and that is longer than any of OCPP."""


def _odd(value: Any) -> Any:
    """Return a payload with another text in place of each."""
    if isinstance(value, dict):
        return {name: _odd(each) for name, each in value.items()}
    return [_odd(each) for each in value] if isinstance(value, list) else ODD if isinstance(value, str) else value


async def _say_all(station: FakeStation) -> int:
    """Have a station say what it may, well and badly; return how much of it was answered with a result."""
    answered = 0
    for action in sorted(from_stations(station.protocol)):
        least, most = minimal(station.protocol, action), full(station.protocol, action)
        bad = (payload for _, payload, _ in broken(station.protocol, action)) if is_transaction(action) else ()
        for payload in chain((least, most, _odd(least), _odd(most)), bad):
            answered += isinstance(await station.call(action, payload), Result)
    return answered


async def test_all_that_stations_say_is_kept(opened: Open) -> None:
    async with Stage() as stage:
        stage.csms.rounds._store = CsmsStore(await opened())
        stations = [stage.station(f"CP-{version}", version) for version in FOLDERS]
        answered = await asyncio.gather(*map(_say_all, stations))
        for count, station in zip(answered, stations, strict=True):
            assert count >= 2 * len(from_stations(station.protocol))
        counts = stage.csms.rounds.counts
        assert (counts.unfit, counts.faults, counts.away) == (0, 0, 0), msgspec.to_builtins(counts)
