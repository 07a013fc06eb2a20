"""A backend's verdict on who a SOAP station is, asked before anything of the station's session changes.

Where a backend checks passwords, only it can tell whether a request with other credentials is the station's own. A
websocket backend says so by its handshake, a SOAP backend by its answer to a Heartbeat with these credentials.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.soap.carrier import SPOKEN_TO_AS, SoapDialling, soap_wire
from voltgate.carriers.soap.wire import SoapWire
from voltgate.carriers.websocket.carrier import WebsocketDialling
from voltgate.dialler import Dialler
from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.ocpp.framing import decode, encode_call
from voltgate.ocpp.messages import FOREVER, Error, Result
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import Verdict
from voltgate.relay.session import Session

_PATIENCE = 30.0
"""Seconds that the answer to the Heartbeat may take."""
_UNKNOWN = Refused(503, "Its backend cannot be asked who it is", (("Retry-After", "10"),))
_REFUSED = Refused(401, "Its backend does not know it by these credentials", (("WWW-Authenticate", "Basic"),))


async def verdict(
    dialler: Dialler, backends: Mapping[str, Backend], session: Session, handshake: Handshake
) -> Refused | None:
    """Return why the answering backend does not let the station of a session in by other credentials; None if it does.

    Backends of a failover are asked in order until one is there. None, too, if the backend sees no credentials of
    stations: then nobody checks them.
    """
    assert session.dial_context is not None  # noqa: S101 - the gateway makes no session without
    dial_context = replace(
        session.dial_context,
        authorization=handshake.authorization,
        user_agent=handshake.user_agent,
        address=handshake.address,
        forwarded_for=handshake.forwarded_for,
        secure=handshake.secure,
    )
    for name in session.plans.first.answer:
        backend = backends.get(name)
        if backend is None:
            continue
        if not any(map(_sees_credentials, backend.settings.endpoints)):
            return None
        result = await dialler.dial(backend, dial_context, (SPOKEN_TO_AS,), answering=True)
        if not isinstance(result, Verdict):
            said = _Said()
            result.start(said)
            wire = soap_wire(result)
            try:
                return None if wire is None else await _heard(wire, said)
            finally:
                result.close(GOING_AWAY, "It was only asked who the station is")
        if result.status is not None and 400 <= result.status < 500:
            return _REFUSED if result.status == 401 else Refused(result.status, f"The backend {result.reason}")
    return _UNKNOWN


def _sees_credentials(endpoint: Endpoint) -> bool:
    """Return whether the backend is shown what its stations prove themselves by."""
    how = endpoint.how
    if not isinstance(how, SoapDialling | WebsocketDialling):
        return False
    return how.introduction.credentials is None and how.introduction.forward != "never"


async def _heard(wire: SoapWire, said: _Said) -> Refused | None:
    """Make a Heartbeat, and judge by its answer."""
    wire.send(encode_call(str(uuid4()), "Heartbeat", b"{}"))
    try:
        async with asyncio.timeout(_PATIENCE):
            text = await said.answer
    except TimeoutError:
        return _UNKNOWN
    match decode(text):
        case Result():
            return None
        case Error(code="SecurityError"):
            return _REFUSED
    return _UNKNOWN


class _Said:
    """The receiver of one answer; b"" if the backend has gone away instead."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Take the answer; what a backend asks meanwhile is not for us."""
        if not self.answer.done():
            self.answer.set_result(text)

    def lost(self, code: int, reason: str) -> None:
        """Take note that there will be no answer."""
        if not self.answer.done():
            self.answer.set_result(b"")

    def writable(self, yes: bool) -> None:
        """Ignore it: nothing more is written."""
