"""How a broker is reached by its name: as every other server is, and not as aiormq does it.

That asks the system anew each time, which a resolver that hangs or is away does not answer, and it stays at the first
address, which may swallow what is sent to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from voltgate.carriers.websocket.reaching import Attempt


@dataclass(frozen=True, slots=True)
class Reaching:
    """A `TransportFactory` of aiormq's. The caller sets the deadline; `within` are its seconds."""

    attempt: Attempt
    within: float

    async def create(self, url: object, **_: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that can be had. Raise OSError."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await self.attempt.connect(lambda: protocol, self.within)
        return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
