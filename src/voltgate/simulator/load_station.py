"""Load: a simulated station that sends its next call when the last is answered, or at a fixed pace, and nothing else.

The mix is that of a fleet: small, medium and large messages (57, 394 and 1,940 bytes) four to three to three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voltgate.simulator import payloads_2x, payloads_16
from voltgate.simulator.station import Station

Sender = Callable[["LoadStation", float, float | None], None]


MOST_OVERDUE = 64
"""Calls that are due at a station whose last one is still open; more are counted and not sent."""


class LoadStation:
    """The load of one station. `step` sends the next call; its answer causes the next step unless the load is `paced`.

    When a paced station is busy, a due call is sent as soon as possible; its latency counts from when it was due.
    """

    __slots__ = ("_index", "_overdue", "_station", "paced")

    def __init__(self, station: Station, *, paced: bool = False) -> None:
        self._station = station
        self._index = station.number % len(_MIX)
        self.paced = paced
        self._overdue: list[float] = []

    def step(self, now: float, due: float | None = None) -> None:
        """Send the next call, if the station is online and has none open. Latency counts from `due` if given."""
        station = self._station
        if station.simulation.closing:
            return
        if not station.online or not station.idle:
            self._postpone(due)
        else:
            self._index = (self._index + 1) % len(_MIX)
            _MIX[self._index](self, now, due)

    def resume(self, now: float) -> None:
        """Begin, or go on after an answer; a paced load waits for the next step."""
        if not self.paced:
            self.step(now)
        elif self._overdue:
            self.step(now, self._overdue.pop(0))

    def _postpone(self, due: float | None) -> None:
        if due is None:
            return
        if len(self._overdue) < MOST_OVERDUE:
            self._overdue.append(due)
        else:
            self._station.simulation.tally.behind += 1

    def _heartbeat(self, now: float, due: float | None) -> None:
        self._station.send_heartbeat(now, None, due)

    def _echo(self, now: float, due: float | None) -> None:
        station = self._station
        data = f"{station.identity}:{station.message_ids.last}"
        verify = Echo(data) if station.simulation.settings.echo else None
        payload = payloads_2x.data_transfer(data) if station.modern else payloads_16.data_transfer(data)
        station.ask("DataTransfer", payload, None, now, verify=verify, due=due)

    def _few(self, now: float, due: float | None) -> None:
        self._meter(1, now, due)

    def _many(self, now: float, due: float | None) -> None:
        self._meter(12, now, due)

    def _meter(self, samples: int, now: float, due: float | None) -> None:
        station = self._station
        stamp = station.simulation.clock.stamp(now)
        energy = station.message_ids.last * 7
        if station.modern:
            payload = payloads_2x.meter_values(1, payloads_2x.reading(energy, samples, stamp))
        else:
            payload = payloads_16.meter_values(1, None, payloads_16.reading(energy, samples, stamp))
        station.ask("MeterValues", payload, None, now, due=due)


class Echo:
    """Checks that a DataTransfer was returned to the station that sent it."""

    __slots__ = ("_data",)

    def __init__(self, data: str) -> None:
        self._data = data

    def __call__(self, payload: dict[str, Any]) -> str | None:
        """Return what is wrong with an answer; None when nothing is."""
        returned = payload.get("data")
        return None if returned == self._data else f"the echo of {self._data} is {returned}"


_MIX: tuple[Sender, ...] = (
    LoadStation._heartbeat, LoadStation._few, LoadStation._many, LoadStation._echo, LoadStation._few,
    LoadStation._many, LoadStation._heartbeat, LoadStation._few, LoadStation._many, LoadStation._echo,
)  # fmt: skip
