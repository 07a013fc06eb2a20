"""Sockets as the carrier wants them: listening ones, and connections that find out by themselves that they are dead."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """When TCP gives a connection up. Seconds; 0 leaves a thing to the system."""

    idle: int = 60
    interval: int = 20
    probes: int = 3
    unacknowledged: int = 120
    """Data that nobody acknowledged for so long, or no room for it, ends the connection (RFC 5482)."""


def keep_alive(sock: socket.socket, settings: KeepAlive) -> None:
    """Set the options; accepted connections inherit them from the socket that listens."""
    if settings.idle:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, settings.idle)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(settings.interval, 1))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, max(settings.probes, 1))
    if settings.unacknowledged:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, settings.unacknowledged * 1000)


def listening(family: int, address: str, port: int, reuse_port: bool, settings: KeepAlive) -> socket.socket:
    """Bind a socket to listen with. Raise OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            share(sock, True)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        keep_alive(sock, settings)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def share(sock: socket.socket, shared: bool) -> None:
    """Let others of this user listen at the address of a socket too, or not."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)


async def addresses(host: str, port: int) -> list[tuple[int, str]]:
    """Resolve what to listen on: family and IP; an empty host is all of the machine's. Raise OSError."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, f'"{host}" is not the name of a host') from None
    return list(dict.fromkeys((int(info[0]), str(info[4][0])) for info in infos))
