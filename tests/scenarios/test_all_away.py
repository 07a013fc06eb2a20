"""`close_when_all_down`: a charger stays while one of its backends is there, and is let go when the last has gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Link, ScriptedBackend, ScriptedStation, Stage, toml

START = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T10:00:00Z"}
STOP = {"meterStop": 9, "timestamp": "2026-01-01T11:00:00Z"}
OK = {"idTagInfo": {"status": "Accepted"}}
BEAT = {"currentTime": "2026-01-01T00:00:00Z"}
AGAIN = 0.5
"""Seconds between two dials of a backend that is away."""
STAYS = {"then": "refuse", "retry": {"first": AGAIN, "max": AGAIN, "jitter": 0}}
SECONDS = 2
"""For how long a station is kept with nobody there."""
LONGER = 5
"""That many dials one after the other take longer than that."""


def configured(admit: str = "gateway", **changes: Any) -> dict[str, Any]:
    """Give the changes of a configuration with two backends, which refuse what they cannot answer."""
    rules = [{"answer": "first", "copy": ["second"]}]
    return {
        "routes": {"main": {"admit": admit, "close_when_all_down": SECONDS, "rules": rules}},
        "backends": {"first": STAYS, "second": STAYS | {"deliver": "always"}},
        **changes,
    }


async def goes(backend: ScriptedBackend, link: Link) -> None:
    """Have a backend go, and be dialled in vain for longer than a station is kept with nobody there."""
    backend.refuse(503)
    link.kill()
    await backend.expect_handshakes(len(backend.handshakes) + LONGER)


async def charging(station: ScriptedStation, first: Link, second: Link) -> int:
    """Start a transaction, which each backend numbers; return the station's number."""
    asked = await station.ask("StartTransaction", START)
    await first.answer(await first.expect("StartTransaction", id=asked), {"transactionId": 5, **OK})
    await second.answer(await second.expect("StartTransaction"), {"transactionId": 77, **OK})
    return int((await station.expect_result(asked)).payload["transactionId"])


@pytest.mark.parametrize("admit", ["backend", "gateway"])
async def test_one_of_two_is_enough(stage: Stage, admit: str) -> None:
    """Whichever of the two is away, the charger stays; with both away it is let go, and the log and events say why."""
    first, second = await stage.backend("first"), await stage.backend("second")
    gateway = await stage.gateway(**configured(admit))
    station, at_first, at_second = await stage.meet()
    await goes(second, at_second)
    first.answers("Heartbeat", BEAT)
    await station.call("Heartbeat")
    second.accept()
    at_second = await second.station("CP1")
    await at_second.answer(await at_second.expect("Heartbeat"), BEAT)
    await goes(first, at_first)
    await stage.quiet(station, at_second)
    at_second.kill()
    second.refuse(503)
    ending = await station.closed()
    assert (ending.code, ending.reason) == (1001, "No backend is there")
    await gateway.logged("CP1", "No backend is there")


async def test_what_was_charged_is_still_whose_it_was(stage: Stage) -> None:
    """Let go in the middle of a transaction, the charger comes again: its owner and its copy hear the end of it.

    The copy was away for a while, and first hears what it was owed.
    """
    first, second = await stage.backend("first"), await stage.backend("second")
    await stage.gateway(**configured())
    station, at_first, at_second = await stage.meet()
    number = await charging(station, at_first, at_second)
    await goes(second, at_second)
    values = {"connectorId": 1, "transactionId": number, "meterValue": []}
    asked = await station.ask("MeterValues", values)
    await at_first.answer(await at_first.expect("MeterValues", id=asked), {})
    await station.expect_result(asked)
    first.refuse(503)
    at_first.kill()
    assert (await station.closed()).code == 1001
    first.accept()
    second.accept()
    station = await stage.station("CP1")
    at_first, at_second = await first.station("CP1"), await second.station("CP1")
    owed = await at_second.expect("MeterValues")
    assert owed.payload["transactionId"] == 77
    await at_second.answer(owed, {})
    asked = await station.ask("StopTransaction", {"transactionId": number, **STOP})
    stop = await at_first.expect("StopTransaction", id=asked)
    assert stop.payload["transactionId"] == 5
    await at_first.answer(stop, OK)
    await station.expect_result(asked)
    told = await at_second.expect("StopTransaction")
    assert told.payload["transactionId"] == 77
    await at_second.answer(told, OK)
    await stage.quiet(station, at_first, at_second)


async def test_a_charger_that_comes_again_while_all_are_away(stage: Stage) -> None:
    """With `admit = "gateway"` it is let in, has its time anew, and stays if one comes back meanwhile."""
    first, second = await stage.backend("first"), await stage.backend("second")
    await stage.gateway(**configured())
    for backend in (first, second):
        backend.refuse(503)
    for _ in range(2):
        station = await stage.station("CP1")
        assert (await station.closed()).reason == "No backend is there"
    second.accept()
    station, at_second = await stage.station("CP1"), await second.station("CP1")
    await first.expect_handshakes(len(first.handshakes) + LONGER)
    await stage.quiet(station, at_second)


async def test_the_backend_that_lets_stations_in_is_away(stage: Stage) -> None:
    """With `admit = "backend"` it gets 503 instead, and is let in when that backend is back."""
    first, second = await stage.backend("first"), await stage.backend("second")
    await stage.gateway(**configured("backend"))
    station, at_first, at_second = await stage.meet()
    for backend, link in ((first, at_first), (second, at_second)):
        backend.refuse(503)
        link.kill()
    await station.closed()
    assert (await stage.refused("CP1")).status_code == 503
    for backend in (first, second):
        backend.accept()
    station = await stage.station("CP1")
    at_first, at_second = await first.station("CP1"), await second.station("CP1")
    await stage.quiet(station, at_first, at_second)


async def test_a_change_of_the_file_counts_at_once(stage: Stage) -> None:
    """A charger that sits there with nobody is let go when the setting is written into the file."""
    first, second = await stage.backend("first"), await stage.backend("second")
    document = configured()
    del document["routes"]["main"]["close_when_all_down"]
    gateway = await stage.gateway(**document)
    station, at_first, at_second = await stage.meet()
    await goes(first, at_first)
    await goes(second, at_second)
    await station.ping()
    gateway.reload(toml(stage.configuration_of(gateway, **configured())))
    assert (await station.closed()).reason == "No backend is there"
