"""A station that asks to be let in, by whichever carrier, and the decision."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from voltgate.ocpp.messages import FOREVER
from voltgate.relay.carrier import Native
from voltgate.relay.wire import Receiver, Wire


@dataclass(frozen=True, slots=True)
class Certified:
    """Whom the certificate that a station has shown names: verified, empty without one.

    `until` is when it ends, in seconds since 1970. Of one that a trusted proxy has verified there is the
    `fingerprint`, its SHA-256 in base64, and the certificate itself, as DER (`leaf`), if the proxy hands it on.
    `is_bad`: one was shown that the proxy has not verified, or that cannot be read.

    `chain`, as DER, is there where its authority is asked about it: the certificate shown here, and those that led from
    it to an authority; of a TLS session that was resumed the certificate alone.
    """

    name: str = ""
    organizations: tuple[str, ...] = ()
    fingerprint: str = ""
    until: float | None = None
    leaf: bytes = field(default=b"", repr=False)
    is_bad: bool = False
    chain: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Ocsp:
    """That a listener has it asked of an authority whether a certificate was revoked.

    `required`: a station that cannot be asked about is refused. `url` is the responder; "": the one that the
    certificate names. `authorities` are certificates of those that sign, as DER.
    """

    required: bool
    url: str = ""
    authorities: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Handshake:
    """A station that asks to come in.

    `identity` is read from the path (None: there is none, or none that can be read, as `fault` then says), `offered`
    are the sub-protocols in the station's order. `address` is the station's IP after trusted proxies, `peer` the IP
    that connected, `forwarded_for` what the next hop may be told in X-Forwarded-For.
    """

    target: str
    identity: str | None
    offered: tuple[str, ...]
    authorization: bytes | None = field(repr=False)
    user_agent: str | None
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    address: str
    peer: str
    forwarded_for: str
    secure: bool
    listener: str
    carrier: str = "websocket"
    fault: str = ""
    native: Native | None = field(default=None, compare=False, repr=False)
    """What only the carrier looks into, for a station that speaks otherwise than by OCPP-J."""
    deadline: float = math.inf
    """When the station hears that it is not let in if nothing is decided until then, on the clock of the wheel."""
    certificate: Certified = Certified()
    profiles: frozenset[int] | None = None
    """The security profiles of which its listener asks for one; None: for none."""
    organizations: frozenset[str] = frozenset()
    """Those of which its listener asks for one in a certificate."""
    ocsp: Ocsp | None = None
    """Whether its listener has it asked if a certificate was revoked."""

    @property
    def name(self) -> str:
        """What logs call the station."""
        return self.identity or self.target


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer before the upgrade: a status, one sentence for the body (text/plain), and more headers.

    `cause` is what it is counted under; the status when it is empty.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let a station in.

    `subprotocol` None answers without the header. `opened` gives the receiver of the wire; it is called once for each
    Admitted that was returned, right after the 101, even when the station is gone by then. `close_at_once` closes the
    wire with this code and reason instead of reading from it (OCPP-J 1.6 section 3.2); then `opened` is not called.
    `ping` (seconds) and `compress` take the place of the listener's.
    """

    subprotocol: str | None
    opened: Callable[[Wire], Receiver]
    close_at_once: tuple[int, str] | None = None
    ping: float | None = None
    compress: bool | None = None


Admit: TypeAlias = Callable[[Handshake], Awaitable[Admitted | Refused]]
"""Decides on a station. Cancelled when the station goes away meanwhile."""


class Nobody:
    """Takes what still comes by a connection that is being closed."""

    __slots__ = ()

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Ignore it: the connection is closing."""

    def lost(self, code: int, reason: str) -> None:
        """Ignore it: nothing is left to tidy."""

    def writable(self, yes: bool) -> None:
        """Ignore it: nothing is written any more."""


NOBODY = Nobody()
"""The receiver of a wire that is closed as soon as it is there."""
