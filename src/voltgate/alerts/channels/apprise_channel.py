"""Apprise: a hundred other services, each by an address of its own. It is an extra: `pip install voltgate[apprise]`.

Apprise waits in threads and says little of why something failed, so mail, Pushover and webhooks do without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voltgate.alerts.channels.channel import ChannelFault, parts_of, quoted
from voltgate.alerts.channels.remaining import Remaining
from voltgate.alerts.message import Message

if TYPE_CHECKING:
    from apprise import Apprise as Service
    from apprise import NotifyType

MISSING = "Apprise is not installed: `pip install voltgate[apprise]`"
MOST_WAITING = 16
"""Messages that wait for the one that is being sent."""
_PATIENCE = 300.0
"""Seconds that a message waits for those before it at most."""
_GRACE = 5.0
"""Seconds that Apprise has beyond its own deadline, after which the thread is left to itself."""


@dataclass(frozen=True, slots=True)
class AppriseSettings:
    """The addresses that a message goes to, each with its secrets in it; `timeout` is for one, in seconds."""

    urls: tuple[str, ...] = field(repr=False)
    timeout: float = 30.0


class AppriseChannel:
    """Sends messages to services by their addresses. What some have taken goes to the others alone when tried again."""

    def __init__(self, settings: AppriseSettings) -> None:
        self.settings = settings
        self._remaining = Remaining()
        self._services: dict[str, Service] = {}
        self._sending: asyncio.Future[dict[str, str]] | None = None
        self._turn, self._waiting = asyncio.Lock(), 0

    async def send(self, message: Message) -> str:
        """Send a message, after those before it, to every address that has not taken it; return "".

        Raise ChannelFault.
        """
        busy = "Apprise is still busy with a message before this one"
        if self._waiting >= MOST_WAITING:
            raise ChannelFault(busy)
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._turn.acquire()
        except TimeoutError:
            raise ChannelFault(busy) from None
        finally:
            self._waiting -= 1
        try:
            if self._sending is not None and not self._sending.done():
                raise ChannelFault(busy)
            return await self._send_now(message)
        finally:
            self._turn.release()

    async def _send_now(self, message: Message) -> str:
        urls = self._remaining.of(message.id, self.settings.urls)
        self._sending = asyncio.ensure_future(asyncio.to_thread(self._send, message, urls))
        try:
            async with asyncio.timeout(self.settings.timeout * len(urls) + _GRACE):
                failed = await asyncio.shield(self._sending)
        except TimeoutError:
            raise ChannelFault("Apprise did not come to an end") from None
        if failed:
            self._remaining.keep(message.id, tuple(failed))
            raise ChannelFault("; ".join(failed.values()))
        self._remaining.forget(message.id)
        return ""

    # In a thread.

    def _send(self, message: Message, urls: Sequence[str]) -> dict[str, str]:
        """Return the addresses that did not take a message, with the reason of each."""
        reasons = ((url, self._send_one(message, url)) for url in urls)
        return {url: reason for url, reason in reasons if reason}

    def _send_one(self, message: Message, url: str) -> str:
        try:
            service = self._service(url)
            result = service.notify(
                title=message.subject,
                body=message.text or message.subject,
                body_format="text",
                notify_type=_type(message),
                interpret_escapes=False,
                timeout=self.settings.timeout,
            )
        except Exception as error:
            return quoted(f"{_scheme(url)}: {type(error).__name__}: {error}", parts_of(url.partition("://")[2]))
        with result:
            if result:
                return ""
            said = "; ".join(entry.message for entry in result.logs())
            return quoted(f"{_scheme(url)}: {said or result.status.name.lower()}", parts_of(url.partition("://")[2]))

    def _service(self, url: str) -> Service:
        if url not in self._services:
            try:
                import apprise  # noqa: PLC0415 - an extra, and slow to load
            except ImportError:
                raise ChannelFault(MISSING) from None
            service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, plugin_paths=[]))
            if not service.add(apprise.Apprise.instantiate(url, asset=service.asset) or ()) or not len(service):
                raise ChannelFault("Apprise does not know such an address")
            self._services[url] = service
        return self._services[url]


def _type(message: Message) -> NotifyType:
    from apprise import NotifyType  # noqa: PLC0415

    if message.kind == "recovery":
        return NotifyType.SUCCESS
    return {"info": NotifyType.INFO, "warning": NotifyType.WARNING}.get(message.severity, NotifyType.FAILURE)


def _scheme(url: str) -> str:
    return f"{url.partition(':')[0]}://"
