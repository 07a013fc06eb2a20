"""The service manager above the process: it hears when this is ready, that it lives, and when it ends.

systemd is told where its unit says `Type=notify`: by a datagram to the socket that NOTIFY_SOCKET names, at half of
WATCHDOG_USEC if the unit has a watchdog. Who lives under no such manager tells nobody.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger("voltgate")


class ServiceManager:
    """Who has begun this process, by its environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        named = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{named[1:]}" if named.startswith("@") else named
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        within = environment.get("WATCHDOG_USEC", "")
        self._pause = int(within) / 2e6 if meant and within.isdecimal() and int(within) else None

    def ready(self, status: str) -> None:
        """Say that stations can come, and what `systemctl status` shows."""
        self._say(f"READY=1\nSTATUS={status}")

    async def attend(self, stop: asyncio.Event) -> None:
        """Say that the event loop lives, as often as is asked for; and that it ends, once `stop` is set."""
        stopping = asyncio.ensure_future(self._end(stop))
        try:
            while self._pause is not None:
                self._say("WATCHDOG=1")
                await asyncio.sleep(self._pause)
            await stopping
        finally:
            stopping.cancel()

    async def _end(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.sendto(state.encode(), self._address)
        except OSError as error:
            log.warning("the service manager cannot be told", reason=str(error))
