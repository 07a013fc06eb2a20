"""The treadmill: a simulated station that has no life, only load. The next call goes out when the last is answered.

The mix is that of a fleet: small, middling and large messages (57, 394 and 1,940 bytes) four to three to three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voltgate.simulator import payloads_2x, payloads_16
from voltgate.simulator.station import Station

Sender = Callable[["LoadStation", float, float | None], None]


MOST_OVERDUE = 64
"""Calls that are due at a station whose last one is still open; what is beyond that is counted and not sent."""


class LoadStation:
    """Keeps one station at work; `step` asks the next call, and is called again by its answer unless it is `paced`.

    A paced station that is busy when a call is due sends it as soon as it can: its latency counts from when it was due.
    """

    __slots__ = ("_index", "_overdue", "_station", "paced")

    def __init__(self, station: Station, *, paced: bool = False) -> None:
        self._station = station
        self._index = station.number % len(_MIX)
        self.paced = paced
        self._overdue: list[float] = []

    def step(self, now: float, due: float | None = None) -> None:
        """Send the next call, if the station is on line and has none open. Latency counts from `due` if given."""
        station = self._station
        if station.simulation.closing:
            return
        if not station.online or not station.idle:
            self._put_off(due)
        else:
            self._index = (self._index + 1) % len(_MIX)
            _MIX[self._index](self, now, due)

    def resume(self, now: float) -> None:
        """Begin, or go on after an answer; who is paced waits for the next step."""
        if not self.paced:
            self.step(now)
        elif self._overdue:
            self.step(now, self._overdue.pop(0))

    def _put_off(self, due: float | None) -> None:
        if due is None:
            return
        if len(self._overdue) < MOST_OVERDUE:
            self._overdue.append(due)
        else:
            self._station.simulation.tally.behind += 1

    def _beat(self, now: float, due: float | None) -> None:
        self._station.send_heartbeat(now, None, due)

    def _echo(self, now: float, due: float | None) -> None:
        station = self._station
        word = f"{station.identity}:{station.message_ids.last}"
        verify = Echo(word) if station.simulation.settings.echo else None
        payload = payloads_2x.data_transfer(word) if station.modern else payloads_16.data_transfer(word)
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
    """Looks whether a DataTransfer came back to whoever sent it."""

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def __call__(self, payload: dict[str, Any]) -> str | None:
        """Give what is wrong with an answer; None when nothing is."""
        told = payload.get("data")
        return None if told == self._word else f"the echo of {self._word} is {told}"


_MIX: tuple[Sender, ...] = (
    LoadStation._beat, LoadStation._few, LoadStation._many, LoadStation._echo, LoadStation._few,
    LoadStation._many, LoadStation._beat, LoadStation._few, LoadStation._many, LoadStation._echo,
)  # fmt: skip
