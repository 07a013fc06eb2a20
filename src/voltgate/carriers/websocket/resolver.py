"""Host names of backends to addresses, remembered for a short while: ten thousand dials are one look-up.

A resolver that is away stops nobody: the last good answer goes on being used, and is asked for again beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, zip_longest
from typing import TypeAlias

import structlog

Asked: TypeAlias = tuple[str, int]
LookUp: TypeAlias = Callable[[str, int], list[str]]
"""Returns the IPs of a host, the one to try first first, or raises OSError; it may take its time."""

_MOST = 1024
"""Names that are remembered."""
_AT_ONCE = 16
"""Look-ups under way, each in a thread of its own: what hangs in the system's resolver hangs there only."""
_AGAIN = 5.0
"""Seconds from a look-up that failed to the next."""
_GIVEN_UP = 30.0
"""Seconds after which a look-up is taken for lost, and another is begun beside it."""
_AVOIDED = 60.0
"""Seconds for which an address that failed is tried last."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Name:
    """What is known of a name: its addresses as they were given last, and those that failed, with when."""

    addresses: list[str] = field(default_factory=list)
    until: float = 0.0
    """When it is looked up again."""
    failed: dict[str, float] = field(default_factory=dict)
    away: str | None = None
    """Why it cannot be looked up."""

    def in_order(self, now: float) -> list[str]:
        """Return the addresses, those that failed lately last."""
        if not self.failed:
            return self.addresses
        return sorted(self.addresses, key=lambda address: now - self.failed.get(address, -math.inf) < _AVOIDED)


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A look-up that is under way. `answer` is set when the name's entry says what came of it."""

    answer: asyncio.Future[None]
    at: float


def look_up(host: str, port: int) -> list[str]:
    """Ask the system, and have the families take turns (RFC 8305 section 4). Raise OSError."""
    by_family: dict[int, list[str]] = {}
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        by_family.setdefault(family, []).append(str(address[0]))
    mixed = chain.from_iterable(zip_longest(*by_family.values()))
    return list(dict.fromkeys(address for address in mixed if address is not None))


class Resolver:
    """A cache of look-ups. Those who ask for the same name at once share one.

    An answer is used for `keep` seconds. Then it is asked for again: who waits longer than `soon` seconds for that
    gets the last good one, as everybody does at once while the name cannot be looked up. A name that was never known
    must be answered within `within` seconds.
    """

    def __init__(
        self,
        keep: float = 30.0,
        soon: float = 1.0,
        within: float = 5.0,
        look_up: LookUp = look_up,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = keep
        self._soon = soon
        self._within = within
        self._look_up = look_up
        self._clock = clock
        self._known: OrderedDict[Asked, _Name] = OrderedDict()
        self._asking: dict[Asked, _Question] = {}
        self._threads = threading.BoundedSemaphore(_AT_ONCE)

    @property
    def away(self) -> int:
        """The number of names that cannot be looked up."""
        return sum(name.away is not None for name in self._known.values())

    async def addresses(self, host: str, port: int, within: float = 60.0) -> list[str]:
        """Return the IPs of a host, in the order to try them. Raise OSError.

        A look-up may take half of the `within` seconds that the caller has.
        """
        if _is_ip(host):
            return [host]
        asked, now = (host, port), self._clock()
        if now >= self._name(asked).until:
            await self._refresh(asked, min(self._within, within / 2))
        name = self._name(asked)
        if not name.addresses:
            raise OSError(name.away)
        return name.in_order(now)

    def failed(self, host: str, port: int, *addresses: str) -> None:
        """Take note that addresses could not be had, or did not answer: they are tried last for a while."""
        name = self._known.get((host, port))
        if name is not None:
            name.failed.update((address, self._clock()) for address in addresses if address in name.addresses)

    def _name(self, asked: Asked) -> _Name:
        name = self._known.get(asked)
        if name is None:
            name = self._known[asked] = _Name()
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(asked)
        return name

    async def _refresh(self, asked: Asked, within: float) -> None:
        """Have a name looked up, and wait for that unless there is something to go on with."""
        name, question = self._name(asked), self._question(asked)
        if question is None:
            self._mark(asked, name, f"{_AT_ONCE} look-ups are under way, and are not answered")
        elif not name.addresses or name.away is None:
            wait = min(self._soon, within) if name.addresses else within
            done, _ = await asyncio.wait((question.answer,), timeout=wait)
            if not done:
                self._mark(asked, self._name(asked), f"no answer within {wait:.3g} s")

    def _question(self, asked: Asked) -> _Question | None:
        """Return the look-up that is under way, or a new one; None if there are too many."""
        loop, now = asyncio.get_running_loop(), self._clock()
        known = self._asking.get(asked)
        if known is not None and known.answer.get_loop() is loop and now - known.at < _GIVEN_UP:
            return known
        if not self._threads.acquire(blocking=False):
            return None
        question = self._asking[asked] = _Question(loop.create_future(), now)

        def ask() -> None:
            result: list[str] | OSError
            try:
                result = self._look_up(*asked) or OSError("it has no address")
            except Exception as problem:  # whatever it is: somebody waits for the answer
                result = OSError(getattr(problem, "strerror", None) or str(problem))
            self._threads.release()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._answered, asked, question, result)

        try:
            threading.Thread(target=ask, name=f"look-up of {asked[0]}", daemon=True).start()
        except RuntimeError as problem:  # there is no thread to be had
            self._threads.release()
            self._answered(asked, question, OSError(str(problem)))
        return question

    def _answered(self, asked: Asked, question: _Question, result: list[str] | OSError) -> None:
        name, now = self._name(asked), self._clock()
        if isinstance(result, list):
            if name.away is not None:
                log.info("a name can be looked up again", host=asked[0], addresses=result)
            name.addresses, name.away, name.until = result, None, now + self._keep
            name.failed = {address: at for address, at in name.failed.items() if address in result}
        elif self._asking.get(asked) is question:
            self._mark(asked, name, str(result))
            name.until = now + _AGAIN
        if self._asking.get(asked) is question:
            del self._asking[asked]
        if not question.answer.done():
            question.answer.set_result(None)

    def _mark(self, asked: Asked, name: _Name, reason: str) -> None:
        """Say once that a name cannot be looked up, and what is used instead."""
        if name.away is None:
            log.warning("a name cannot be looked up", host=asked[0], reason=reason, used=name.addresses)
        name.away = f"{asked[0]} cannot be looked up: {reason}"


@lru_cache(maxsize=1024)
def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
