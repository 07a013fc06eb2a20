"""A channel as its user sees it: one connection's calls both ways, over a websocket or over SOAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from voltgate.ocpp import actions
from voltgate.simulator.calls import OutgoingCall


class Command(Protocol):
    """A call of the far end as its handler sees it, whatever transport it arrived by."""

    @property
    def action(self) -> str:
        """The action."""

    @property
    def payload(self) -> dict[str, Any]:
        """The payload, in the form of OCPP-J."""

    @property
    def channel(self) -> Channel:
        """The channel that it arrived by."""

    def answer(self, payload: dict[str, Any]) -> None:
        """Send the result."""

    def refuse(self, code: str, description: str = "") -> None:
        """Send an error."""


class Channel(Protocol):
    """A channel as the simulated station that uses it sees it."""

    @property
    def open(self) -> int:
        """The number of own calls that wait for an answer."""

    def ask(self, call: OutgoingCall, now: float) -> None:
        """Send a call."""

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Send a message that has no answer (2.1)."""

    def close(self, code: int, reason: str) -> None:
        """Close the connection; the owner's `channel_closed` follows."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """The settings of all channels of one kind: `serves` are the actions that the far end may call.

    `timeout` is in seconds; `max_open` is how many calls the far end may have open at a time, None for any number.
    """

    version: str
    serves: frozenset[str]
    timeout: float = 30.0
    max_open: int | None = 1

    @classmethod
    def of_station(cls, version: str, timeout: float) -> ChannelSettings:
        """Return the settings of a simulated station."""
        return cls(version, actions.from_backends(version), timeout)

    @classmethod
    def of_backend(cls, version: str, timeout: float) -> ChannelSettings:
        """Return the settings of the simulated backend: a station may keep several calls open."""
        return cls(version, actions.from_stations(version), timeout, None)
