"""A message of the broker's with calls of stations, until all of them are dealt with."""

from __future__ import annotations

import structlog

from voltgate.carriers.amqp.connection import Incoming

log = structlog.get_logger(__name__)


class Batch:
    """A message, and how much of it is `left` to do."""

    __slots__ = ("left", "message")

    def __init__(self, message: Incoming) -> None:
        self.message = message
        self.left = 0

    async def acknowledge(self) -> None:
        """Have the broker forget it."""
        try:
            await self.message.ack()
        except Exception as problem:  # the connection has ended: the message comes again, and is known by then
            log.debug("a message could not be acknowledged", reason=str(problem))
