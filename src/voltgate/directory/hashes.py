"""Argon2 hashes of passwords, verified in threads, and not twice for the same password."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, TypeAlias, TypeVar

import argon2

T = TypeVar("T")

HASH = "$argon2"
"""The prefix of every hash."""

PROVEN = 100_000
"""Verified passwords that are remembered, as keyed digests of 16 bytes."""


class Busy(Exception):  # noqa: N818 - no error: the caller turns it into an answer
    """Too many hashes wait to be verified."""


class Unusable(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """A hash that cannot be verified: it is incomplete, or asks for more memory than there is."""


Weight: TypeAlias = tuple[float, float]
"""How little somebody is trusted: who is trusted more is checked first."""
_COMMON: Weight = (0.0, 0.0)


@dataclass(slots=True, eq=False)
class _Job:
    """Work that waits for a thread; `rank` is its weight and its number."""

    rank: tuple[Weight, int]
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class Hashes:
    """Verifies passwords against hashes: `threads` at a time (one takes a quarter of a second), `waiting` in all.

    Who is trusted more goes first, and takes the place of who is trusted least where nobody else may wait. Verified
    passwords are remembered under a key of this process alone, so that ten thousand stations that reconnect together
    are admitted without delay.
    """

    __slots__ = ("_closed", "_jobs", "_key", "_most", "_number", "_pool", "_proven", "_running", "_threads")

    def __init__(self, threads: int = 2, waiting: int = 200) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._threads = threads
        self._most = waiting
        self._jobs: list[_Job] = []
        self._number = 0
        self._running = 0
        self._closed = False
        self._key = os.urandom(32)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def verify(self, stored: str, readings: list[bytes], weight: Weight = _COMMON) -> bool:
        """Return whether `stored` is the hash of one of `readings`. Raises Busy, Unusable.

        Busy is raised instead of queueing without bound, for somebody of less weight, and after `close`. Each reading
        is a job of its own: who is trusted more need not wait for all that a stranger has brought.
        """
        if any(self._known(self._digest(stored, reading)) for reading in readings):
            return True
        for reading in readings:
            if await self._done(partial(first_right, stored, [reading]), weight) is not None:
                self._remember(self._digest(stored, reading))
                return True
        return False

    async def make(self, password: str) -> str:
        """Return a hash of a password. Raises Busy."""
        return await self._done(partial(hashed, password), _COMMON)

    async def _done(self, work: Callable[[], T], weight: Weight) -> T:
        self._number += 1
        job = _Job((weight, self._number), work, asyncio.get_running_loop().create_future())
        if self._closed or not self._has_room(job):
            raise Busy
        self._jobs.append(job)
        self._begin()
        try:
            done: T = await job.done
            return done
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    def _has_room(self, job: _Job) -> bool:
        """Return whether a job may wait; the last of those that wait makes room for one that comes before it."""
        if self._running + len(self._jobs) < self._most:
            return True
        last = max(self._jobs, key=_rank, default=None)
        if last is None or last.rank < job.rank:
            return False
        self._jobs.remove(last)
        last.done.set_exception(Busy())
        return True

    def _begin(self) -> None:
        while self._jobs and self._running < self._threads and not self._closed:
            job = min(self._jobs, key=_rank)
            self._jobs.remove(job)
            self._running += 1
            asyncio.wrap_future(self._pool.submit(job.work)).add_done_callback(partial(self._ended, job))

    def _ended(self, job: _Job, result: asyncio.Future[Any]) -> None:
        self._running -= 1
        problem = Busy() if result.cancelled() else result.exception()
        if not job.done.done():
            if problem is None:
                job.done.set_result(result.result())
            else:
                job.done.set_exception(problem)
        self._begin()

    def close(self) -> None:
        """Stop verifying."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for job in self._jobs:
            if not job.done.done():
                job.done.set_exception(Busy())

    def _digest(self, stored: str, reading: bytes) -> bytes:
        return blake2b(b"%s\0%s" % (stored.encode(), reading), key=self._key, digest_size=16).digest()

    def _known(self, digest: bytes) -> bool:
        if digest not in self._proven:
            return False
        self._proven.move_to_end(digest)
        return True

    def _remember(self, digest: bytes) -> None:
        self._proven[digest] = None
        if len(self._proven) > PROVEN:
            self._proven.popitem(last=False)


def _rank(job: _Job) -> tuple[Weight, int]:
    return job.rank


def first_right(stored: str, readings: list[bytes]) -> bytes | None:
    """Return the reading that `stored` is the hash of; None if none is. Takes a quarter of a second each.

    Raises Unusable.
    """
    return next((reading for reading in readings if _is_right(stored, reading)), None)


def _is_right(stored: str, reading: bytes) -> bool:
    try:
        return argon2.low_level.verify_secret(stored.encode(), reading, _kind(stored))
    except argon2.exceptions.VerifyMismatchError:
        return False
    except argon2.exceptions.VerificationError as error:
        raise Unusable(str(error)) from None


def _kind(stored: str) -> argon2.Type:
    kinds = {"argon2i": argon2.Type.I, "argon2d": argon2.Type.D}
    return kinds.get(stored.split("$")[1], argon2.Type.ID)


def hashed(password: str) -> str:
    """Return a hash for the configuration."""
    return argon2.PasswordHasher().hash(password)
