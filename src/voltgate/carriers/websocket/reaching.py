"""Reaching a server by its name: an address that swallows packets keeps nobody from the next one.

Source: RFC 8305, "Happy Eyeballs".
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiohappyeyeballs

from voltgate.carriers.websocket import tls
from voltgate.carriers.websocket.resolver import Resolver

_DELAY = 0.25
"""Seconds after which the next address is tried beside those before it (RFC 8305 section 5)."""


@dataclass(slots=True)
class Attempt:
    """One attempt to connect to a server, by its name. `context` is that of TLS, None for none."""

    names: Resolver
    host: str
    port: int
    context: ssl.SSLContext | None = None
    address: str = ""
    """The IP that was chosen, as soon as there is one."""

    async def connect(self, factory: Callable[[], asyncio.Protocol], within: float) -> asyncio.Transport:
        """Connect to the first address that can be had. Raise OSError. The caller sets the deadline, in seconds."""
        addresses = await self.names.addresses(self.host, self.port, within)
        if len(addresses) == 1:
            self.address = addresses[0]
            return await tls.connect(factory, (self.address, self.port), self.context, self.host, within)
        sock = await _first(addresses, self.port)
        try:
            self.address = str(sock.getpeername()[0])
            if self.address in addresses:
                self.names.failed(self.host, self.port, *addresses[: addresses.index(self.address)])
            return await tls.connect(factory, sock, self.context, self.host, within)
        except BaseException:
            sock.close()
            raise

    def failed(self) -> None:
        """Have the address that was chosen tried last for a while: nothing came of it."""
        self.names.failed(self.host, self.port, self.address)


async def _first(addresses: list[str], port: int) -> socket.socket:
    """Connect to several addresses, each a little later than the one before; the first that accepts is it."""
    infos = [
        (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))
        for address in addresses
    ]
    return await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=_DELAY, interleave=0)
