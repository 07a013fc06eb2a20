"""Answers to requests of SOAP, and the ids that they and their requests have on either side."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal
from uuid import uuid4

from voltgate.carriers.soap.connection import Answer
from voltgate.ocpp.framing import LONGEST_ID
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope
from voltgate.ocpp.soap.faults import Fault
from voltgate.ocpp.soap.names import Edition

AWAY = frozenset({502, 503, 504})
"""What a server that stands before a backend says when that is away."""
REFUSES = frozenset({401, 403})
"""What a server says that does not take a station's credentials, often without an envelope."""

_URN = "urn:uuid:"


def short_id(message_id: str) -> str:
    """Return the id of a message of OCPP-J for a MessageID: the same one for the same, at most 36 characters."""
    short = message_id.removeprefix(_URN)
    if 0 < len(short) <= LONGEST_ID and short.isprintable():
        return short
    return blake2b(message_id.encode(), digest_size=16).hexdigest() if message_id else new_id().removeprefix(_URN)


def long_id(message_id: str) -> str:
    """Return the MessageID for the id of a message of OCPP-J."""
    return f"{_URN}{message_id}" if len(message_id) == LONGEST_ID else message_id


def new_id() -> str:
    """Make a MessageID."""
    return f"{_URN}{uuid4()}"


def enveloped(body: bytes, edition: Edition, status: Literal[200, 400, 500, 503]) -> Answer:
    """Answer with an envelope."""
    headers = (("Retry-After", "10"),) if status == 503 else ()
    return Answer(status, body, writing.CONTENT_TYPES[edition], headers)


def said(envelope: Envelope | BadEnvelope, what: Fault, status: Literal[400, 500, 503] | None = None) -> Answer:
    """Answer a request with a fault (SOAP 1.2 part 2 section 7.4.2: 400 for a Sender's, else 500; SOAP 1.1: 500)."""
    edition = envelope.edition
    by_role: Literal[400, 500] = 400 if what.role == "Sender" and edition == "1.2" else 500
    body = writing.fault(envelope.version, what, message_id=new_id(), relates_to=envelope.message_id, edition=edition)
    return enveloped(body, edition, status or by_role)
