"""Compression of single messages: RFC 7692 permessage-deflate, and only without context takeover.

A pair of contexts that lives as long as its connection costs 107 kB a side; without takeover a context lives for one
message.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from voltgate.carriers.websocket.frames import Garbled, Inflated

TAIL = b"\x00\x00\xff\xff"
"""The empty block that the sender leaves out and the receiver puts back (RFC 7692 section 7.2.1)."""

OFFER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_BITS = ("server_max_window_bits", "client_max_window_bits")


@dataclass(frozen=True, slots=True)
class Deflate:
    """What was agreed on: the window that our compressor may use, as a power of two (9 to 15)."""

    bits: int = 15

    def compress(self, text: bytes) -> bytes:
        """One message, without the tail."""
        deflater = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -self.bits)
        return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def inflate(message: bytes, limit: int) -> bytes:
    """Decompress one message to at most `limit` bytes. Raises Inflated beyond it and Garbled for what is no deflate."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = inflater.decompress(message + TAIL, limit + 1)
    except zlib.error as problem:
        raise Garbled(str(problem)) from problem
    if len(text) > limit:
        raise Inflated
    return text


def accept(offers: Iterable[str]) -> tuple[Deflate, str] | None:
    """Choose from what a client offers (values of Sec-WebSocket-Extensions): the agreement and the answering header.

    None if nothing suits: an unknown or repeated parameter, or a window that zlib cannot keep to (8 bits).
    """
    for name, parameters in _extensions(offers):
        agreed = _accept(parameters) if name == "permessage-deflate" else None
        if agreed is not None:
            return agreed
    return None


def _accept(parameters: dict[str, str | None]) -> tuple[Deflate, str] | None:
    if not _known(parameters) or parameters.get("server_max_window_bits", "15") is None:
        return None
    bits = int(parameters.get("server_max_window_bits") or 15)
    if bits < 9:
        return None
    answer = OFFER + (f"; server_max_window_bits={bits}" if "server_max_window_bits" in parameters else "")
    return Deflate(bits), answer


def confirm(answers: Iterable[str]) -> Deflate | None:
    """Read a server's answer to `OFFER`. Raise ValueError for what we did not offer; None if it declined."""
    extensions = list(_extensions(answers))
    if not extensions:
        return None
    if len(extensions) > 1 or extensions[0][0] != "permessage-deflate":
        raise ValueError("an extension that was not offered")
    parameters = extensions[0][1]
    if (
        not _known(parameters)
        or "client_max_window_bits" in parameters
        or "server_no_context_takeover" not in parameters
    ):
        raise ValueError("compression with parameters that were not offered")
    return Deflate()


def _known(parameters: dict[str, str | None]) -> bool:
    for name, value in parameters.items():
        if name in _FLAGS and value is None:
            continue
        if name in _BITS and (value is None or value in _WINDOWS):
            continue
        return False
    return True


_WINDOWS = frozenset(map(str, range(8, 16)))


def _extensions(values: Iterable[str]) -> Iterable[tuple[str, dict[str, str | None]]]:
    """Each extension's name and parameters; one whose parameters repeat gets an unknown parameter instead."""
    for value in values:
        for item in value.split(","):
            name, *rest = (part.strip() for part in item.split(";"))
            pairs = [_parameter(part) for part in rest]
            yield name.lower(), dict(pairs) if len(dict(pairs)) == len(pairs) else {"": None}


def _parameter(text: str) -> tuple[str, str | None]:
    name, found, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"') if found else None
