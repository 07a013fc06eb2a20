"""The seam between the gateway and the carriers: what brings a station's calls to a backend, by the URL's scheme."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.events import CarrierDown, CarrierUp, Listen
from voltgate.relay.wire import Receiver, Wire

__all__ = ["Carrier", "DialContext", "DialledWire", "Endpoint", "Native", "SharedConnection", "Verdict"]


class DialledWire(Wire, Protocol):
    """A wire to a backend that was dialled for one station. A wire that is closed need not be started any more."""

    @property
    def subprotocol(self) -> str | None:
        """The version that the backend chose, by its name as a sub-protocol; None if it named none."""

    @property
    def shared(self) -> bool:
        """Whether one connection carries many stations: the carrier says then that it is up or down, not each leg."""

    def start(self, receiver: Receiver) -> None:
        """Bring messages to `receiver` from now on, those that came before first. Called once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a backend was not reached.

    `status` is its HTTP answer, None if there was none; `body` its first 1 KiB. `shared` says that what is missing is
    the connection of many stations, whose carrier reports that once, `ours` that the backend was not asked at all.
    """

    status: int | None
    reason: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    shared: bool = False
    ours: bool = False


class Native(Protocol):
    """What only the carrier that a station came by looks into, for a station that speaks otherwise than its session."""

    @property
    def speaks(self) -> str:
        """The name of the protocol that the station itself speaks now, "ocpp1.5" for example."""


@dataclass(frozen=True, slots=True)
class DialContext:
    """A station's handshake, as far as its backends are told of it. Never logged: it holds credentials.

    `carrier` names the carrier that it came by, `secure` whether by TLS; `native` is that carrier's own.
    """

    identity: str
    authorization: bytes | None = field(default=None, repr=False)
    user_agent: str | None = None
    address: str = ""
    forwarded_for: str = ""
    secure: bool = False
    target: str = ""
    carrier: str = "websocket"
    native: Native | None = field(default=None, compare=False, repr=False)

    @property
    def speaks(self) -> str:
        """The name of the protocol that the station itself speaks where that is not its session's dialect, else ""."""
        return "" if self.native is None else self.native.speaks


class Carrier(Protocol):
    """What opens wires to the backends whose URLs have one of its schemes."""

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> DialledWire | Verdict:
        """Open one wire, which is not started yet, or return why there is none.

        `offer` names the versions that the station and the backend may speak, in the station's order; `answering` says
        whether the backend is to answer the station. Whatever the backend or the network does wrong is a Verdict.
        """


class SharedConnection:
    """The stations of one connection that carries many: says once that it is up or down, and tells every receiver.

    `attach` and `detach` are for the carrier's wires, each under a key of its own.
    """

    def __init__(self, backend: str, listen: Listen) -> None:
        self.is_up: bool | None = None
        """None until the connection was up, or failed, for the first time."""
        self._backend = backend
        self._listen = listen
        self._was_up = False
        self._receivers: dict[Hashable, Receiver] = {}

    def __len__(self) -> int:
        return len(self._receivers)

    def attach(self, wire: Hashable, receiver: Receiver) -> None:
        """Have `receiver` told when the connection is lost: at once, if that was while its wire was dialled."""
        if self.is_up:
            self._receivers[wire] = receiver
        else:
            receiver.lost(NO_CLOSE, "the connection was lost meanwhile")

    def detach(self, wire: Hashable) -> None:
        """Forget the receiver of a wire that was closed."""
        self._receivers.pop(wire, None)

    def up(self) -> None:
        """Report that the connection is open."""
        if not self.is_up:
            first, self._was_up = not self._was_up, True
            self.is_up = True
            self._listen(CarrierUp(self._backend, first))

    def down(self, reason: str, retry: float | None) -> None:
        """Report that the connection was lost, or could not be opened; nothing more while it stays so.

        `retry` is the seconds until the next try, None for never. Raise an ExceptionGroup of what receivers raised when
        all of them were told.
        """
        if self.is_up is False:
            return
        self.is_up = False
        receivers, self._receivers = self._receivers, {}
        self._listen(CarrierDown(self._backend, reason, retry))
        faults = [fault for receiver in receivers.values() if (fault := _raised(receiver, reason)) is not None]
        if faults:
            raise ExceptionGroup("receivers failed", faults)


def _raised(receiver: Receiver, reason: str) -> Exception | None:
    try:
        receiver.lost(NO_CLOSE, reason)
    except Exception as fault:
        return fault
    return None
