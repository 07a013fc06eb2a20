"""The far ends of SOAP wires: where a backend or a station is called, and where it calls back."""

from __future__ import annotations

from dataclasses import dataclass, field

from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.target import Target, target


@dataclass(slots=True)
class BackendEnd:
    """Where a SOAP backend is called for one station, and where it calls that station back."""

    to: Target
    callbacks: Callbacks
    names: tuple[str, str]
    """The backend's, and the station's identity."""
    more: tuple[tuple[str, str], ...] = field(repr=False)
    _made_by: tuple[str, bytes] | None = field(default=None, repr=False)
    _callback: str = field(default="", repr=False)

    def target(self) -> Target:
        """Return the address of its service."""
        return self.to

    def sender(self) -> str:
        """Return the station's callback address for this backend."""
        made_by = self.callbacks.base, self.callbacks.key
        if self._made_by != made_by:  # as it is, for each message that goes there
            self._made_by, self._callback = made_by, self.callbacks.address(*self.names)
        return self._callback

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that introduce the station."""
        return self.more


@dataclass(slots=True)
class StationEnd:
    """Where a SOAP station is called: as configured, or as it said itself."""

    configured: str
    said: str = ""
    central: str = ""
    """How stations call us: what they are told in From."""
    _made: tuple[str, Target] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The URL at which the station is called; "" while it is not known."""
        return self.configured or self.said

    def target(self) -> Target | str:
        """Return where to post to, or why that is not known."""
        if not self.address:
            return "The station has not said where it is called"
        if self._made is None or self._made[0] != self.address:
            self._made = (self.address, target(self.address))
        return self._made[1]

    def sender(self) -> str:
        """Return our own address."""
        return self.central

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return no headers besides."""
        return ()
