"""The treadmill: a simulated station that has no life, only load. The next call goes out when the last is answered.

The mix is that of a fleet: small, middling and large messages (57, 394 and 1,940 bytes) four to three to three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voltgate.simulator import say2, say16

if TYPE_CHECKING:
    from voltgate.simulator.charger import Charger

Sender = Callable[["LoadStation", float, float | None], None]


MOST_OWED = 64
"""Calls that are due at a station whose last one is still open; what is beyond that is counted and not sent."""


class LoadStation:
    """Keeps one station at work; `step` asks the next call, and is called again by its answer unless it is `paced`.

    A paced station that is busy when a call is due sends it as soon as it can: its latency counts from when it was due.
    """

    __slots__ = ("_charger", "_owed", "_place", "paced")

    def __init__(self, charger: Charger, *, paced: bool = False) -> None:
        self._charger = charger
        self._place = charger.number % len(_MIX)
        self.paced = paced
        self._owed: list[float] = []

    def step(self, now: float, due: float | None = None) -> None:
        """Send the next call, if the station is on line and has none open. Latency counts from `due` if given."""
        charger = self._charger
        if charger.scene.closing:
            return
        if not charger.online or not charger.idle:
            self._put_off(due)
        else:
            self._place = (self._place + 1) % len(_MIX)
            _MIX[self._place](self, now, due)

    def go_on(self, now: float) -> None:
        """Begin, or go on after an answer; who is paced waits for the next step."""
        if not self.paced:
            self.step(now)
        elif self._owed:
            self.step(now, self._owed.pop(0))

    def _put_off(self, due: float | None) -> None:
        if due is None:
            return
        if len(self._owed) < MOST_OWED:
            self._owed.append(due)
        else:
            self._charger.scene.tally.behind += 1

    def _beat(self, now: float, due: float | None) -> None:
        self._charger.say_heartbeat(now, None, due)

    def _echo(self, now: float, due: float | None) -> None:
        charger = self._charger
        word = f"{charger.identity}:{charger.serials.last}"
        proof = Echo(word) if charger.scene.conduct.echo else None
        say = say2.data_transfer(word) if charger.modern else say16.data_transfer(word)
        charger.ask("DataTransfer", say, None, now, proof=proof, due=due)

    def _few(self, now: float, due: float | None) -> None:
        self._meter(1, now, due)

    def _many(self, now: float, due: float | None) -> None:
        self._meter(12, now, due)

    def _meter(self, samples: int, now: float, due: float | None) -> None:
        charger = self._charger
        stamp = charger.scene.clock.stamp(now)
        energy = charger.serials.last * 7
        if charger.modern:
            say = say2.meter_values(1, say2.reading(energy, samples, stamp))
        else:
            say = say16.meter_values(1, None, say16.reading(energy, samples, stamp))
        charger.ask("MeterValues", say, None, now, due=due)


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
