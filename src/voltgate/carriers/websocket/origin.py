"""Where a station comes from when trusted proxies stand in between: forwarding headers and the PROXY protocol.

Sources: RFC 7239 for the trust model of X-Forwarded-For, and HAProxy's proxy-protocol.txt, versions 1 and 2.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from typing import TypeAlias
from urllib.parse import unquote

from voltgate.carriers.handshake import Certified
from voltgate.carriers.websocket.http_head import Request, tokens

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_FINGERPRINT = re.compile("[A-Za-z0-9+/_-]{43}=?")

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # opens version 2; version 1 is never shorter than these 12 bytes
_LONGEST_LINE = 107
_LONGEST_BINARY = 4096


class Misproxied(Exception):  # noqa: N818 - named for what happened
    """What a trusted peer sent is no PROXY header."""


def address_of(text: str) -> Address | None:
    """Read an address, also with a port or in brackets; IPv4 inside IPv6 comes out as IPv4. None: it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def is_trusted(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    parsed = address_of(address)
    return parsed is not None and any(parsed in network for network in networks)


def certified(request: Request) -> Certified:
    """Return the certificate that a trusted proxy says it has verified.

    A header that came twice says nothing: one of them may be the station's own. The headers are those that Google's
    load balancers can be told to set, as the MaEVe gateway reads them. The certificate itself may come as they write it
    (RFC 9440), as nginx does (PEM with its bytes escaped as in a URL), or as DER in base64 (HAProxy). Where it comes,
    the fingerprint is made of it: a proxy that sets the one header may pass on the other as the station has sent it.
    """
    present, verified, fingerprint, leaf = (
        values[0] if len(values := request.all(f"x-client-cert-{name}")) == 1 else ""
        for name in ("present", "chain-verified", "hash", "leaf")
    )
    if not present.lower() == verified.lower() == "true":
        return Certified(is_bad=present.lower() == "true")
    der = _der_of(leaf)
    if any(request.all("x-client-cert-leaf")):
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode() if der else ""
    elif not _FINGERPRINT.fullmatch(fingerprint):
        fingerprint = ""
    return Certified(fingerprint=fingerprint, leaf=der, is_bad=bool(leaf) and not der)


def _der_of(leaf: str) -> bytes:
    """Return a certificate in DER as a proxy wrote it; b"" if it cannot be read."""
    text = leaf.strip().strip(":")
    if "-----BEGIN" in text:
        text = unquote(text).partition(_BEGIN)[2].partition(_END)[0]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return b""


def plain(address: str) -> str:
    """Write an address the short way: no zone, and IPv4 as IPv4."""
    return str(address_of(address) or address) if ":" in address else address


def station_address(hop: str, request: Request, networks: Sequence[Network]) -> str:
    """Return the station's IP: `hop` unless that is trusted; then the rightmost address of X-Forwarded-For that is not.

    X-Real-IP counts when there is no X-Forwarded-For. What cannot be read ends the search at the hop before.
    """
    if not networks or not is_trusted(hop, networks):
        return hop
    return behind(hop, tokens(request.all("x-forwarded-for")) or request.all("x-real-ip")[:1], networks)


def behind(hop: str, forwarded: Sequence[str], networks: Sequence[Network]) -> str:
    """Return the rightmost address that a trusted `hop` has forwarded and that is no trusted one; else the last hop."""
    for entry in reversed(forwarded):
        address = address_of(entry)
        if address is None:
            break
        hop = str(address)
        if not is_trusted(hop, networks):
            break
    return hop


def forwarded_for(peer: str, hop: str, request: Request, networks: Sequence[Network]) -> str:
    """Return what the next hop may be told in X-Forwarded-For: what trusted proxies said, and who is in front of us."""
    before = [hop] if hop != peer else []
    if networks and is_trusted(hop, networks):
        before = [*tokens(request.all("x-forwarded-for")), *before]
    return ", ".join([*before, peer])


async def read_proxy_header(sock: socket.socket) -> str | None:
    """Read a PROXY header off a new connection, and not one byte more: the source's IP; None if it names none.

    Raises Misproxied and OSError. The caller sets the deadline.
    """
    opening = await _exactly(sock, len(_SIGNATURE))
    if opening == _SIGNATURE:
        return await _read_binary(sock)
    if not opening.startswith(b"PROXY "):
        raise Misproxied("the connection does not open with a PROXY header")
    line = bytearray(opening)
    while not line.endswith(b"\r\n"):
        if len(line) >= _LONGEST_LINE:
            raise Misproxied("a PROXY line without an end")
        line += await _exactly(sock, 1)
    return read_line(bytes(line))


def read_line(line: bytes) -> str | None:
    """Read the source from a line of version 1. Raises Misproxied."""
    match line.decode("latin-1").removesuffix("\r\n").split(" "):
        case ["PROXY", "UNKNOWN", *_]:
            return None
        case ["PROXY", "TCP4" | "TCP6", source, _, _, _] if (address := address_of(source)) is not None:
            return str(address)
    raise Misproxied("a PROXY line that cannot be read")


async def _read_binary(sock: socket.socket) -> str | None:
    command, family, high, low = await _exactly(sock, 4)
    size = high << 8 | low
    if command not in (0x20, 0x21) or size > _LONGEST_BINARY:
        raise Misproxied("a PROXY header of an unknown version, or too long")
    return read_binary(command, family, await _exactly(sock, size))


def read_binary(command: int, family: int, block: bytes) -> str | None:
    """Read the source from a block of version 2; None for the proxy's own connections (LOCAL) and other families.

    Raises Misproxied.
    """
    size = {0x11: 4, 0x21: 16}.get(family)
    if command == 0x20 or size is None:
        return None
    if len(block) < 2 * size + 4:
        raise Misproxied("a PROXY header that is too short for its addresses")
    return plain(str(ipaddress.ip_address(block[:size])))


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), bytearray()
    while len(data) < size:
        piece = await loop.sock_recv(sock, size - len(data))
        if not piece:
            raise Misproxied("the connection ended inside the PROXY header")
        data += piece
    return bytes(data)
