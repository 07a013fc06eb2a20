"""The carrier of http:// and https://: a backend's SOAP service, called for one station at a time."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from voltgate.carriers.introduction import Introduction
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.client import Client, Unreachable
from voltgate.carriers.soap.ends import BackendEnd
from voltgate.carriers.soap.originals import Originals
from voltgate.carriers.soap.target import target
from voltgate.carriers.soap.whole import Known
from voltgate.carriers.soap.wire import SoapWire, WireSettings
from voltgate.ocpp.soap.envelope import Envelope
from voltgate.ocpp.soap.names import Version
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Native, Verdict
from voltgate.relay.wire import Wire

SPOKEN_TO_AS = "ocpp1.6"
"""The version of OCPP-J that SOAP is put into on its way through the gateway."""


@dataclass(frozen=True, slots=True)
class SoapDialling:
    """How a backend is called. `timeout` is that of connecting, in seconds; `trust` and `ssl` as for websockets."""

    introduction: Introduction = Introduction()  # noqa: RUF009 - frozen
    timeout: float = 10.0
    trust: tuple[object, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SoapNative:
    """What a SOAP backend shares with a SOAP station: its wire, and the envelopes that may go on as they came."""

    wire: SoapWire
    originals: Originals

    @property
    def speaks(self) -> str:
        """The version that the station speaks: that of its last request."""
        return f"ocpp{self.wire.version}"


class SoapCarrier:
    """Calls SOAP backends. `largest` bounds a message, in bytes, `patience` the wait for an answer, in seconds."""

    def __init__(self, client: Client, callbacks: Callbacks, clock: Callable[[], float]) -> None:
        self.client = client
        self.callbacks = callbacks
        self.largest = 1 << 20
        self.patience = 30.0
        self.samples_left_out = 0
        """Sampled values that a backend of an older version was not told of: it could only take them wrongly."""
        self._clock = clock
        self._known: dict[tuple[str, str], Known] = {}
        """How each backend, at its address, is known to answer."""

    def _lost(self) -> None:
        self.samples_left_out += 1

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> SoapWire | Verdict:
        """See that the backend is there, and return the station's wire to it."""
        how, identity = endpoint.how, dial_context.identity
        assert isinstance(how, SoapDialling)  # noqa: S101 - the composition root hands in nothing else
        native = _native(dial_context.native)
        version = _version(backend.settings.versions, native)
        if version is None or SPOKEN_TO_AS not in offer:
            return Verdict(None, f"{backend.name} speaks SOAP, and no version of it that the station does")
        end = BackendEnd(
            target(endpoint.address(identity), how.ssl, backend.name),
            self.callbacks,
            (backend.name, identity),
            tuple(how.introduction.of(dial_context, answering=answering)),
        )
        try:
            await self.client.reach(end.to, how.timeout)
        except Unreachable as problem:
            return Verdict(None, str(problem))
        settings = WireSettings(how.timeout, self.patience, self.largest, lost=self._lost)
        originals = Originals() if native is None else native.originals
        known = self._known.setdefault((backend.name, endpoint.url), {})
        return SoapWire(identity, "Cp", version, end, self.client, originals, settings, self._clock, known=known)


def _native(native: Native | None) -> SoapNative | None:
    return native if isinstance(native, SoapNative) else None


def _version(taken: tuple[str, ...], native: SoapNative | None) -> Version | None:
    """Choose how to speak to a backend: as the station does if the backend can, else as new as it can."""
    own: Version = native.wire.version if native is not None else "1.6"
    wanted: tuple[Version, ...] = (own, "1.6", "1.5", "1.2")
    return next((version for version in wanted if f"ocpp{version}" in taken), None)


def soap_wire(wire: Wire | None) -> SoapWire | None:
    """Return a wire if it is one of SOAP, else None."""
    return wire if isinstance(wire, SoapWire) else None


def all_take(wires: Iterable[Wire | None], envelope: Envelope) -> bool:
    """Return whether each wire takes envelopes of this version of OCPP and SOAP as they came."""
    return all(
        isinstance(wire, SoapWire) and (wire.version, wire.edition) == (envelope.version, envelope.edition)
        for wire in wires
    )
