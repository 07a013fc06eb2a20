"""Whole envelopes: requests and answers that fit a template, and are read no further than somebody asks."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from voltgate.ocpp.carried import CarriedCall, CarriedResult
from voltgate.ocpp.framing import encode_call, encode_result
from voltgate.ocpp.soap import codec
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.template import Match, Template

_NOTHING = b"{}"
"""The payload of what cannot be read."""

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

    def answer_whole(self, message_id: str, raw: bytes) -> None:
        """Answer a request with an envelope as it came."""
        raise NotImplementedError


class WholeCall(CarriedCall):
    """A request of a SOAP station that fits a template: its content is read when somebody asks for it."""

    __slots__ = ("_payload", "is_unreadable", "made", "match", "raw")

    def __init__(self, message_id: str, made: Template, match: Match, raw: bytes) -> None:
        self._payload: bytes | None = None
        super().__init__(message_id, made.envelope.operation, b"")
        self.made = made
        self.match = match
        self.raw = raw
        self.is_unreadable = False
        """Whether somebody has asked for its content, and that could not be read."""

    @property
    def size(self) -> int:
        """The bytes of the envelope: it is not read for that."""
        return len(self.raw)

    @property
    def payload(self) -> bytes:
        """The payload as OCPP-J 1.6 has it; `{}` for content that cannot be read."""
        if self._payload is None:
            self._payload = _payload_of(self.raw)
            self.is_unreadable = self._payload == _NOTHING and self.action != "Heartbeat"
        return self._payload

    @payload.setter
    def payload(self, payload: bytes) -> None:
        self._payload = payload or None

    def forwarded(self, to: str, sender: str) -> bytes | None:
        """Return the envelope as it goes on to an address; None if it has to be written anew.

        What could not be read, and so not be judged, goes on to nobody: there is nothing to write anew.
        """
        if self.is_unreadable:
            return None
        return self.made.forwarded(self.raw, self.match, to, sender)

    def carry(self, wire: object, message_id: str) -> None:
        """Send it on: as it came to a SOAP backend of the same version."""
        if not isinstance(wire, WholeWire) or not wire.post_whole(self, message_id):
            wire.send(encode_call(message_id, self.action, self.payload))  # type: ignore[attr-defined]


class WholeResult(CarriedResult):
    """An answer of a SOAP backend that fits a template."""

    __slots__ = ("_payload", "match", "raw")

    def __init__(self, message_id: str, made: Template, match: Match, raw: bytes) -> None:
        self._payload: bytes | None = None
        super().__init__(message_id, b"")
        self.match = match
        self.raw = raw

    @property
    def size(self) -> int:
        """The bytes of the envelope: it is not read for that."""
        return len(self.raw)

    @property
    def payload(self) -> bytes:
        """The payload as OCPP-J 1.6 has it; `{}` for content that cannot be read."""
        if self._payload is None:
            self._payload = _payload_of(self.raw)
        return self._payload

    @payload.setter
    def payload(self, payload: bytes) -> None:
        self._payload = payload or None

    def carry(self, wire: object, message_id: str) -> None:
        """Send it home."""
        if isinstance(wire, WholeWire):
            wire.answer_whole(message_id, self.raw)
        else:
            wire.send(encode_result(message_id, self.payload))  # type: ignore[attr-defined]


def _payload_of(raw: bytes) -> bytes:
    envelope = parse(raw)
    payload = codec.decode(envelope) if isinstance(envelope, Envelope) and envelope.kind != "fault" else None
    return msgspec.json.encode(payload) if isinstance(payload, dict) else _NOTHING
