"""A periodic event stream: a 2.1 station reports a variable at an interval, by messages without answers (SEND).

Source: OCPP 2.1 Part 2 section N (N11 to N15); Part 4 section 4.2.4.
"""

from __future__ import annotations

from typing import Any

from voltgate.simulator.calls import Answer
from voltgate.simulator.station import Station

MONITOR = 1
"""The number of the one monitor, and of the one stream, that a simulated station has."""


class Stream:
    """The one stream of a station. It sends while the backend has accepted it and the station is online."""

    __slots__ = ("_ended", "_interval", "_round", "_station", "_values", "open")

    def __init__(self, station: Station, interval: float, values: int) -> None:
        self._station = station
        self._interval = max(interval, 0.1)
        self._values = max(values, 1)
        self._round = 0
        self._ended = False
        self.open = False

    def begin(self, now: float) -> None:
        """Ask the backend whether it accepts the stream."""
        params = {"interval": int(self._interval), "values": self._values}
        data = {"id": MONITOR, "variableMonitoringId": MONITOR, "params": params}
        self._station.ask("OpenPeriodicEventStream", {"constantStreamData": data}, self._answered, now)

    def end(self, now: float) -> None:
        """Close the stream; one that the backend has not accepted yet never opens."""
        self._ended = True
        if self.open:
            self.open = False
            self._station.send_call("ClosePeriodicEventStream", {"id": MONITOR}, now)

    def _answered(self, answer: Answer, now: float) -> None:
        if not self._ended and isinstance(answer, dict) and answer["status"] == "Accepted":
            self.open = True
            self._send_values(now)

    def _send_values(self, now: float) -> None:
        if not self.open or self._station.simulation.closing:
            return
        if self._station.online and self._station.channel is not None:
            self._station.channel.send("NotifyPeriodicEventStream", self._latest_values(now))
        self._station.simulation.wheel.at(now + self._interval, self._send_values)

    def _latest_values(self, now: float) -> dict[str, Any]:
        """Return the values of the last interval: offsets in seconds from `basetime`, as in the schema (FR-35)."""
        self._round += 1
        step = self._interval / self._values
        data = [
            {"t": round(number * step, 3), "v": str(230 + (self._round + number) % 5)} for number in range(self._values)
        ]
        stamp = self._station.simulation.clock.stamp(now - self._interval)
        return {"id": MONITOR, "pending": 0, "basetime": stamp, "data": data}
