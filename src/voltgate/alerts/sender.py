"""The sender: takes messages from where they are kept, has channels send them, and writes down what became of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from voltgate.alerts.channels.channel import Channel, ChannelFault
from voltgate.alerts.message import Message
from voltgate.alerts.records import Counts, Delivery, Policy
from voltgate.relay.records import StoreAway

AT_ONCE = 4
"""Messages that one channel sends at a time: one that hangs keeps no other channel waiting."""
FIRST, LONGEST = 5.0, 900.0
"""Seconds until a message is tried again: they double each time, up to the longest."""
_LOOK, _RENEW = 1.0, 3.0
"""Seconds between two looks at what is due, and between two signs that a message is still being sent."""
_LATEST = 600.0
"""Seconds that a channel may take for one message; its own deadlines are shorter."""

log = structlog.get_logger("voltgate.alerts")


class Outbox(Protocol):
    """Where messages are kept. Every method raises StoreAway."""

    async def claim(self, slots: Mapping[str, int], now: float) -> list[Delivery]:
        """Take what is due for channels, at most so many of each; nobody else has them meanwhile."""

    async def renew(self, ids: Collection[str]) -> None:
        """Say that these are still being sent."""

    async def settle(self, delivery: Delivery) -> None:
        """Write down what became of one."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The channels of a configuration by name, and what bounds them."""

    channels: Mapping[str, Channel]
    policies: Mapping[str, Policy]


class Sender:
    """Sends what is due. `failed` is told of a fault of ours: the message is tried again as any other."""

    def __init__(
        self,
        outboxes: Sequence[Outbox],
        ways: Callable[[], Ways],
        wall: Callable[[], float],
        counts: Counts,
        failed: Callable[[Exception], None],
    ) -> None:
        self._outboxes, self._ways, self._wall, self._counts, self._failed = outboxes, ways, wall, counts, failed
        self._open: dict[str, tuple[Outbox, Delivery]] = {}
        self._wake = asyncio.Event()
        self._clock, self._renew_at = time.monotonic, 0.0

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Send, until it is cancelled."""
        self._open.clear()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._renew()
                for outbox in self._outboxes:
                    for delivery in await self._claim(outbox):
                        self._open[delivery.id] = outbox, delivery
                        group.create_task(self._one(outbox, delivery))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._wake.wait()
                self._wake.clear()

    async def _claim(self, outbox: Outbox) -> list[Delivery]:
        busy = Counter(delivery.channel for _, delivery in self._open.values())
        slots = {name: AT_ONCE - busy[name] for name in self._ways().channels if busy[name] < AT_ONCE}
        if not slots:
            return []
        try:
            return await outbox.claim(slots, self._wall())
        except StoreAway:
            return []

    async def _renew(self) -> None:
        if not self._open or self._clock() < self._renew_at:
            return
        self._renew_at = self._clock() + _RENEW
        for outbox in self._outboxes:
            mine = [key for key, (whose, _) in self._open.items() if whose is outbox]
            if mine:
                with suppress(StoreAway):
                    await outbox.renew(mine)

    async def _one(self, outbox: Outbox, delivery: Delivery) -> None:
        try:
            settled = await self._send(delivery)
            while True:  # it was sent, or was not: to forget which is to send it twice
                try:
                    await outbox.settle(settled)
                except StoreAway:
                    await asyncio.sleep(_LOOK)
                else:
                    break
        finally:
            self._open.pop(delivery.id, None)
            self._wake.set()

    async def _send(self, delivery: Delivery) -> Delivery:
        """Send a message; return it as it is then."""
        channel, counts = self._ways().channels.get(delivery.channel), self._counts
        if channel is None:  # it was taken out of the configuration a moment ago
            return delivery
        tried = replace(delivery, attempts=delivery.attempts + 1)
        try:
            async with asyncio.timeout(_LATEST):
                note = await channel.send(message_of(delivery))
        except ChannelFault as fault:
            return self._not_sent(tried, fault)
        except TimeoutError:
            return self._not_sent(tried, ChannelFault("it took too long"))
        except Exception as error:
            self._failed(error)
            return self._not_sent(tried, ChannelFault(f"a fault of Voltgate: {type(error).__name__}"))
        counts.sent[delivery.channel] = counts.sent.get(delivery.channel, 0) + 1
        return replace(tried, status="sent", error="", note=note[:300], ended_at=self._wall())

    def _not_sent(self, tried: Delivery, fault: ChannelFault) -> Delivery:
        """Return a message that did not get through: it is tried again, or given up."""
        now, counts, channel = self._wall(), self._counts, tried.channel
        counts.failed[channel] = counts.failed.get(channel, 0) + 1
        wait = max(min(FIRST * 2 ** min(tried.attempts - 1, 20), LONGEST), fault.after or 0.0)
        until = tried.created + self._ways().policies.get(channel, Policy()).give_up
        if not fault.lasting and now + wait <= until:
            return replace(tried, error=fault.reason, due=now + wait)
        counts.given_up[channel] = counts.given_up.get(channel, 0) + 1
        log.error("a message to people is given up", channel=channel, subject=tried.subject, reason=fault.reason)
        return replace(tried, status="given up", error=fault.reason, ended_at=now)


def message_of(delivery: Delivery) -> Message:
    """Return the message that is sent."""
    return Message(
        id=delivery.id,
        kind=delivery.kind,
        severity=delivery.severity,
        event=delivery.event,
        subject=delivery.subject,
        text=delivery.text,
        html=delivery.html,
        items=delivery.items,
        at=delivery.at,
    )
