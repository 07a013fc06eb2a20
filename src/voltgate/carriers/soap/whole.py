"""Whole envelopes: requests and answers that fit a template, and are read no further than somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from voltgate.ocpp.carried import CarriedCall, CarriedResult
from voltgate.ocpp.framing import encode_call, encode_result
from voltgate.ocpp.soap import codec
from voltgate.ocpp.soap.codec import Assumed
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.template import Match, Template

Known: TypeAlias = dict[tuple[Version, str], Template]
"""How a backend answers, by version and action."""


@runtime_checkable
class TakesCalls(Protocol):
    """A receiver that takes calls that did not come as text: a session."""

    def take(self, call: CarriedCall, now: float) -> None:
        """Take a call of the station."""

    def unanswered(self, message_id: str, description: str, now: float, *, sent: bool) -> None:
        """Note that a call to the station will have no answer; `sent` says whether it has gone out."""


@runtime_checkable
class TakesReplies(Protocol):
    """A receiver that takes answers that did not come as text: a leg."""

    def replied(self, reply: CarriedResult, now: float) -> None:
        """Take an answer of the backend."""


class WholeWire:
    """A wire that takes envelopes as they are."""

    __slots__ = ()

    def post_whole(self, call: WholeCall, message_id: str) -> bool:
        """Post a request as it came; False when this wire speaks otherwise."""
        raise NotImplementedError

    def answer_whole(self, reply: WholeResult, message_id: str) -> bool:
        """Answer a request with an envelope as it came; False when who asked speaks otherwise."""
        raise NotImplementedError


class WholeCall(CarriedCall):
    """A request of a SOAP station that fits a template: its content is read when somebody asks for it.

    `assumed` is what its reader goes by.
    """

    __slots__ = ("_assumed", "_payload", "made", "match", "raw")

    def __init__(
        self, message_id: str, made: Template, match: Match, raw: bytes, assumed: Callable[[], Assumed]
    ) -> None:
        self._payload: bytes | None = None
        super().__init__(message_id, made.envelope.operation, b"")
        self.made = made
        self.match = match
        self.raw = raw
        self._assumed = assumed

    @property
    def size(self) -> int:
        """The bytes of the envelope: it is not read for that."""
        return len(self.raw)

    @property
    def payload(self) -> bytes:
        """The payload as OCPP-J 1.6 has it."""
        if self._payload is None:
            self._payload = _payload_of(self.raw, self._assumed())
        return self._payload

    @payload.setter
    def payload(self, payload: bytes) -> None:
        self._payload = payload or None

    def forwarded(self, to: str, sender: str) -> bytes | None:
        """Return the envelope as it goes on to an address; None if it has to be written anew."""
        return self.made.forwarded(self.raw, self.match, to, sender)

    def carry(self, wire: object, message_id: str) -> None:
        """Send it on: as it came to a SOAP backend of the same version."""
        if not isinstance(wire, WholeWire) or not wire.post_whole(self, message_id):
            wire.send(encode_call(message_id, self.action, self.payload))  # type: ignore[attr-defined]


class WholeResult(CarriedResult):
    """An answer of a SOAP backend that fits a template; `assumed` is what its reader goes by."""

    __slots__ = ("_assumed", "_payload", "made", "raw")

    def __init__(self, message_id: str, made: Template, raw: bytes, assumed: Callable[[], Assumed]) -> None:
        self._payload: bytes | None = None
        super().__init__(message_id, b"")
        self.made = made
        self.raw = raw
        self._assumed = assumed

    @property
    def size(self) -> int:
        """The bytes of the envelope: it is not read for that."""
        return len(self.raw)

    @property
    def payload(self) -> bytes:
        """The payload as OCPP-J 1.6 has it."""
        if self._payload is None:
            self._payload = _payload_of(self.raw, self._assumed())
        return self._payload

    @payload.setter
    def payload(self, payload: bytes) -> None:
        self._payload = payload or None

    def carry(self, wire: object, message_id: str) -> None:
        """Send it home: as it came to a SOAP station of the same version."""
        if not isinstance(wire, WholeWire) or not wire.answer_whole(self, message_id):
            wire.send(encode_result(message_id, self.payload))  # type: ignore[attr-defined]


def _payload_of(raw: bytes, assumed: Assumed) -> bytes:
    """Return the payload of an envelope that fits a template, and so can be read."""
    envelope = parse(raw, len(raw))
    payload = codec.decode(envelope, assumed) if isinstance(envelope, Envelope) else None
    assert isinstance(payload, dict)  # noqa: S101 - see Template.match
    return msgspec.json.encode(payload)
