"""A station's first request as a handshake, and a refusal as a fault."""

from __future__ import annotations

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.soap.answers import said
from voltgate.carriers.soap.connection import Answer, Post
from voltgate.ocpp.soap.envelope import Envelope
from voltgate.ocpp.soap.faults import fault


def handshake_of(envelope: Envelope, post: Post, address: str | None = None) -> Handshake:
    """Return the handshake of a request. `address` "" is for one that a backend made: the station's is not known."""
    origin = post.origin()
    source = origin.address if address is None else address
    return Handshake(
        target="",
        identity=envelope.identity,
        offered=(f"ocpp{envelope.version}",),
        authorization=None if address is not None else post.authorization,
        user_agent=origin.user_agent,
        headers=(),
        address=source,
        peer=source,
        forwarded_for=origin.forwarded_for,
        secure=origin.secure,
        listener=origin.listener,
        carrier="soap",
    )


def refusal(envelope: Envelope, refused: Refused) -> Answer:
    """Return a refusal as a fault: an unknown station is a mismatch, a missing password a matter of security."""
    match refused.status:
        case 404:
            answer = said(envelope, fault("IdentityMismatch", refused.reason))
        case 401 | 403:
            answer = said(envelope, fault("SecurityError", refused.reason))
            answer = Answer(401 if refused.status == 401 else 403, answer.body, answer.content_type)
        case 400 | 409:
            answer = said(envelope, fault("ProtocolError", refused.reason))
        case _:
            answer = said(envelope, fault("InternalError", refused.reason), status=503)
    kept = tuple((name, value) for name, value in refused.headers if (name, value) not in answer.headers)
    return Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *kept))
