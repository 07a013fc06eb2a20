"""A periodic event stream: a 2.1 station tells a variable again and again, by messages that nobody answers (SEND).

Source: OCPP 2.1 Part 2 section N (N11 to N15); Part 4 section 4.2.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voltgate.simulator.websocket_channel import Answer

if TYPE_CHECKING:
    from voltgate.simulator.charger import Charger

MONITOR = 1
"""The number of the one monitor, and of the one stream, that a simulated station has."""


class Stream:
    """The one stream of a station; it flows while the backend has accepted it and the station is on line."""

    __slots__ = ("_charger", "_interval", "_round", "_values", "open")

    def __init__(self, charger: Charger, interval: float, values: int) -> None:
        self._charger = charger
        self._interval = max(interval, 0.1)
        self._values = max(values, 1)
        self._round = 0
        self.open = False

    def begin(self, now: float) -> None:
        """Ask the backend whether it wants to hear the stream."""
        params = {"interval": int(self._interval), "values": self._values}
        data = {"id": MONITOR, "variableMonitoringId": MONITOR, "params": params}
        self._charger.ask("OpenPeriodicEventStream", {"constantStreamData": data}, self._answered, now)

    def end(self, now: float) -> None:
        """Close the stream."""
        if self.open:
            self.open = False
            self._charger.send_call("ClosePeriodicEventStream", {"id": MONITOR}, now)

    def _answered(self, answer: Answer, now: float) -> None:
        wanted = self._charger.stream is self
        if wanted and isinstance(answer, dict) and answer["status"] == "Accepted":
            self.open = True
            self._send_values(now)

    def _send_values(self, now: float) -> None:
        if not self.open or self._charger.simulation.closing:
            return
        if self._charger.online and self._charger.channel is not None:
            self._charger.channel.send("NotifyPeriodicEventStream", self._values_since(now))
        self._charger.simulation.wheel.at(now + self._interval, self._send_values)

    def _values_since(self, now: float) -> dict[str, Any]:
        """Give the values since the last time: offsets in seconds from `basetime`, as the schema has it (FR-35)."""
        self._round += 1
        step = self._interval / self._values
        data = [
            {"t": round(position * step, 3), "v": str(230 + (self._round + position) % 5)}
            for position in range(self._values)
        ]
        stamp = self._charger.simulation.clock.stamp(now - self._interval)
        return {"id": MONITOR, "pending": 0, "basetime": stamp, "data": data}
