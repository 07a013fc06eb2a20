"""Host names of backends to addresses, remembered for a short while: ten thousand dials are one look-up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from typing import TypeAlias

Asked: TypeAlias = tuple[str, int]

_MOST = 1024


class Resolver:
    """A cache of look-ups. Those who ask for the same name at once share one."""

    def __init__(self, keep: float = 30.0) -> None:
        self._keep = keep
        self._known: dict[Asked, tuple[float, list[str]]] = {}
        self._asking: dict[tuple[asyncio.AbstractEventLoop, Asked], asyncio.Task[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Look up the IPs of a host, in the order to try them. Raise OSError. The caller sets the deadline."""
        if _is_ip(host):
            return [host]
        known = self._known.get((host, port))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        return await asyncio.shield(self._look_up(host, port))

    def _look_up(self, host: str, port: int) -> asyncio.Task[list[str]]:
        loop = asyncio.get_running_loop()
        key = (loop, (host, port))
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = loop.create_task(self._ask(host, port))
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    async def _ask(self, host: str, port: int) -> list[str]:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(info[4][0]) for info in infos))

    def _answered(self, key: tuple[asyncio.AbstractEventLoop, Asked], task: asyncio.Task[list[str]]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key[1]] = (time.monotonic() + self._keep, task.result())


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
