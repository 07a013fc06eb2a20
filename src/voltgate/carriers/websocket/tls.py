"""TLS on both sides of the gateway: contexts from files, and transports that cost little memory.

Of the transports measured, asyncio's own cost 278 kB a connection and uvloop's 256 kB; aiofastnet's are used where they
can be had, and the loop's own otherwise.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from voltgate.carriers.handshake import Certified

try:
    import aiofastnet as _lean
except ImportError:  # the loop's own transports do the same with more memory
    _lean = None  # type: ignore[assignment]

CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""The four suites that OCPP demands of a CSMS (2.1 Part 2, A00.FR.318), and their ECDHE_RSA kin, which are better than
two of them. TLS 1.3 has its own suites."""

_OTHER_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""
_OUT_OF_TIME = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""

_OF_LISTS = {
    3: " (revocation_lists has none of an authority that signed it)",
    12: " (one of revocation_lists has ended, and needs a newer one in its place)",
}
"""X509_V_ERR_UNABLE_TO_GET_CRL and X509_V_ERR_CRL_HAS_EXPIRED, with what their operator can do."""

_DER = 2
"""ENCODING_DER of Python's own module for OpenSSL."""

BUFFER = 16 << 10
SHUTDOWN = 5.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its key, as files in PEM. `password` opens an encrypted key."""

    chain: str
    key: str
    password: str | None = None

    def __repr__(self) -> str:
        return f"Certificate({self.chain!r})"


def server_context(
    certificates: tuple[Certificate, ...], client_authority: str | None = None, revocation_lists: Iterable[str] = ()
) -> ssl.SSLContext:
    """Make a context for a listener, of one certificate or two (RSA and ECDSA). Raise OSError (SSLError is one).

    `client_authority` is a file of authorities, one of which must have signed the certificate that a station shows, if
    it shows one; with `revocation_lists` no authority may have revoked it, nor one of those between them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 1
    for certificate in certificates:
        context.load_cert_chain(certificate.chain, certificate.key, certificate.password)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        for revoked in revocation_lists:
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    return context


def certified(transport: asyncio.BaseTransport | None) -> Certified:
    """Return whom the certificate names that was shown on a connection, and verified."""
    shown = transport.get_extra_info("ssl_object") if transport is not None else None
    fields = shown.getpeercert() or {} if shown is not None else {}
    pairs = [pair for name in fields.get("subject", ()) for pair in name]
    names = [value for key, value in pairs if key == "commonName"]
    organizations = tuple(value for key, value in pairs if key == "organizationName")
    until = ssl.cert_time_to_seconds(fields["notAfter"]) if "notAfter" in fields else None
    return Certified(names[-1] if names else "", organizations, until=until)


def chain(transport: asyncio.BaseTransport | None) -> tuple[bytes, ...]:
    """Return the certificate that was shown on a connection, and those that led from it to an authority, as DER.

    A TLS session that was resumed has the certificate alone. Without one there is nothing.
    """
    shown = transport.get_extra_info("ssl_object") if transport is not None else None
    leaf = shown.getpeercert(binary_form=True) if shown is not None else None
    if shown is None or not leaf:
        return ()
    public = getattr(shown, "get_verified_chain", None)  # of Python's own objects from 3.13 on
    found = shown._sslobj.get_verified_chain() if public is None else public()
    return tuple(each if isinstance(each, bytes) else each.public_bytes(_DER) for each in found or ()) or (leaf,)


def authorities(file: str) -> tuple[bytes, ...]:
    """Return the certificates of authorities in a file of PEM, as DER. Raise OSError (SSLError is one)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(file)
    return tuple(context.get_ca_certs(binary_form=True))


def not_verified(problem: ssl.SSLCertVerificationError) -> str:
    """Say why the certificate that a station has shown was not accepted."""
    advice = _OF_LISTS.get(problem.verify_code, "")
    return f"the station's certificate is not accepted: {problem.verify_message}{advice}"


def not_accepted(problem: ssl.SSLCertVerificationError) -> str:
    """Say why the certificate of a server was not accepted, and what its operator or ours can do."""
    if problem.verify_code in _OTHER_NAME:
        advice = "call the server in url as its certificate does"
    elif problem.verify_code in _OUT_OF_TIME:
        advice = "it needs another certificate, or the clock is wrong"
    else:
        advice = "name the authority that signed it in ca"
    return f"the server's certificate is not accepted ({problem.verify_message}): {advice}"


@functools.cache
def client_context() -> ssl.SSLContext:
    """Return the context for servers that nothing is said of: the system's authorities, which take a while to read."""
    return ssl.create_default_context()


def is_hang_up(context: Mapping[str, Any]) -> bool:
    """Return whether what a loop's exception handler is told of is a peer that hung up in a TLS handshake: no fault.

    aiofastnet, up to 1.2.0 at least, tells the loop of those, with the class of the exception for the exception, which
    no log can write. Who waits for the handshake gets the exception itself, and counts it.
    """
    return context.get("exception") is ConnectionResetError


async def greet(sock: socket.socket, protocol: asyncio.Protocol, context: ssl.SSLContext | None, within: float) -> None:
    """Make a transport for an accepted socket, after the TLS handshake where there is one. Raise OSError."""
    loop = asyncio.get_running_loop()

    def factory() -> asyncio.Protocol:
        return protocol

    if context is None:
        await loop.connect_accepted_socket(factory, sock)
    elif _lean is not None:
        await _lean.connect_accepted_socket(
            loop, factory, sock, ssl=context,
            ssl_handshake_timeout=within, ssl_shutdown_timeout=SHUTDOWN,
            ssl_incoming_bio_size=BUFFER, ssl_outgoing_bio_size=BUFFER,
        )  # fmt: skip
    else:
        await loop.connect_accepted_socket(
            factory, sock, ssl=context, ssl_handshake_timeout=within, ssl_shutdown_timeout=SHUTDOWN
        )


async def connect(
    factory: Callable[[], asyncio.Protocol],
    to: tuple[str, int] | socket.socket,
    context: ssl.SSLContext | None,
    name: str,
    within: float,
) -> asyncio.Transport:
    """Connect to an IP and port, or go on with a socket that is connected; return the transport. Raise OSError.

    Where a context is given it is TLS, for the server `name`.
    """
    try:
        return await _connect(factory, to, context, name, within)
    except ssl.SSLCertVerificationError as problem:
        raise OSError(not_accepted(problem)) from problem


async def _connect(
    factory: Callable[[], asyncio.Protocol],
    to: tuple[str, int] | socket.socket,
    context: ssl.SSLContext | None,
    name: str,
    within: float,
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    where: dict[str, Any] = {"sock": to} if isinstance(to, socket.socket) else {"host": to[0], "port": to[1]}
    transport: asyncio.Transport
    if context is None:
        transport, _ = await loop.create_connection(factory, **where)
    elif _lean is not None:
        transport, _ = await _lean.create_connection(
            loop, factory, **where, ssl=context, server_hostname=name,
            ssl_handshake_timeout=within, ssl_shutdown_timeout=SHUTDOWN,
            ssl_incoming_bio_size=BUFFER, ssl_outgoing_bio_size=BUFFER,
        )  # fmt: skip
    else:
        transport, _ = await loop.create_connection(
            factory, **where, ssl=context, server_hostname=name,
            ssl_handshake_timeout=within, ssl_shutdown_timeout=SHUTDOWN,
        )  # fmt: skip
    return transport
