"""Argon2 hashes of passwords, verified in threads, and not twice for the same password."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import ParamSpec, TypeVar

import argon2

P = ParamSpec("P")
T = TypeVar("T")

HASH = "$argon2"
"""The prefix of every hash."""

PROVEN = 100_000
"""Verified passwords that are remembered, as keyed digests of 16 bytes."""


class Busy(Exception):  # noqa: N818 - no error: the caller turns it into an answer
    """Too many hashes wait to be verified."""


class Unusable(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """A hash that cannot be verified: it is incomplete, or asks for more memory than there is."""


class Hashes:
    """Verifies passwords against hashes: `threads` at a time (one takes a quarter of a second), `waiting` in all.

    Verified passwords are remembered under a key of this process alone, so that ten thousand stations that reconnect
    together are admitted without delay.
    """

    __slots__ = ("_closed", "_key", "_pool", "_proven", "_under_way", "_waiting")

    def __init__(self, threads: int = 2, waiting: int = 200) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = waiting
        self._under_way = 0
        self._closed = False
        self._key = os.urandom(32)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def verify(self, stored: str, readings: list[bytes]) -> bool:
        """Return whether `stored` is the hash of one of `readings`. Raises Busy, Unusable.

        Busy is raised instead of queueing without bound, and after `close`.
        """
        if any(self._known(self._digest(stored, reading)) for reading in readings):
            return True
        right = await self._done(first_right, stored, readings)
        if right is not None:
            self._remember(self._digest(stored, right))
        return right is not None

    async def make(self, password: str) -> str:
        """Return a hash of a password. Raises Busy."""
        return await self._done(hashed, password)

    async def _done(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        if self._closed or self._under_way >= self._waiting:
            raise Busy
        self._under_way += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(work, *args, **more))
        finally:
            self._under_way -= 1  # a cancelled one leaves the pool's queue, unless it is being worked on

    def close(self) -> None:
        """Stop verifying."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

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
