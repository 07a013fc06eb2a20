"""Content codings: gzip and deflate, as OCPP-S 1.6 asks for them, never larger than allowed when unpacked."""

from __future__ import annotations

import gzip
import zlib

WORTH_IT = 512
"""Bytes from which a body is compressed for a client that accepts that."""

_EITHER = zlib.MAX_WBITS | 32
"""Lets zlib tell gzip from zlib by itself."""


class Misencoded(Exception):  # noqa: N818 - it says what is the matter
    """A body that is not what its Content-Encoding says, is larger than allowed, or is coded in another way."""


class Oversized(Misencoded):
    """A body that is larger than allowed when it is unpacked."""


def decoded(body: bytes, coding: str, largest: int) -> bytes:
    """Unpack a body. Raises Misencoded."""
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise Misencoded("Content-Encoding is neither gzip nor deflate")
    try:
        return _inflated(body, _EITHER, largest)
    except zlib.error:
        if coding != "deflate":
            raise Misencoded("The body is not what Content-Encoding says") from None
    try:  # many send it without zlib's own head (RFC 9110 section 8.4.1.2)
        return _inflated(body, -zlib.MAX_WBITS, largest)
    except zlib.error:
        raise Misencoded("The body is not what Content-Encoding says") from None


def _inflated(body: bytes, window: int, largest: int) -> bytes:
    engine = zlib.decompressobj(window)
    content = engine.decompress(body, largest + 1)
    if len(content) > largest:
        raise Oversized(f"The body is longer than {largest} bytes when unpacked")
    if not engine.eof or engine.unused_data:
        raise zlib.error("the body ends too early or too late")
    return content


def encoded(body: bytes, accepted: str) -> tuple[bytes, str]:
    """Pack a body if the other side accepts that and it is worth it; gives the body and its coding, "" for none."""
    if len(body) < WORTH_IT:
        return body, ""
    wanted = _preferred(accepted)
    if wanted == "gzip":
        return gzip.compress(body, 1, mtime=0), "gzip"
    if wanted == "deflate":
        return zlib.compress(body, 1), "deflate"
    return body, ""


def _preferred(accepted: str) -> str:
    """Read Accept-Encoding (RFC 9110 section 12.5.3) as far as the two codings go; those with q=0 are not accepted."""
    found = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        refused = weight.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        found[name.strip()] = not refused
    return next((name for name in ("gzip", "deflate") if found.get(name)), "")
