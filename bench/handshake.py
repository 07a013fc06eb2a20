"""The opening handshake of the bench's own stations and backend, in bytes (RFC 6455 section 4)."""

from __future__ import annotations

import base64
import hashlib
import os

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
END = b"\r\n\r\n"


def accept_of(key: bytes) -> bytes:
    """Give the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


class Offer:
    """What the stations of one process ask for; one key serves them all."""

    __slots__ = ("_key", "accept")

    def __init__(self) -> None:
        self._key = base64.b64encode(os.urandom(16))
        self.accept = accept_of(self._key)

    def request(self, path: str, host: str) -> bytes:
        """Write a station's request for an OCPP 1.6 connection."""
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Protocol: ocpp1.6",
        ]
        return "\r\n".join(lines).encode() + END

    def taken(self, response: bytes) -> bool:
        """Tell whether a response's head opens the connection that was asked for."""
        headers = headers_of(response)
        return (
            response.startswith(b"HTTP/1.1 101")
            and headers.get(b"sec-websocket-accept") == self.accept
            and headers.get(b"sec-websocket-protocol") == b"ocpp1.6"
        )


def headers_of(head: bytes) -> dict[bytes, bytes]:
    """Read the header lines of a request or response, names in lower case."""
    lines = head.partition(END)[0].split(b"\r\n")[1:]
    pairs = (line.partition(b":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def welcome(request: bytes) -> bytes:
    """Write the response that accepts an OCPP 1.6 connection; empty when the request asks for something else."""
    headers = headers_of(request)
    key, offered = headers.get(b"sec-websocket-key"), headers.get(b"sec-websocket-protocol", b"")
    if key is None or b"ocpp1.6" not in [name.strip() for name in offered.split(b",")]:
        return b""
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + accept_of(key),
        b"Sec-WebSocket-Protocol: ocpp1.6",
    ]
    return b"\r\n".join(lines) + END
