"""What other gateways write into the register, put in force in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from voltgate.claiming import Claiming
from voltgate.directory.register import ReadRows, Taken


class RegisterFollower:
    """Hears which rows of the register were written. `other_key` is called when callbacks have another key."""

    def __init__(self, read: ReadRows, claiming: Claiming, other_key: Callable[[], None]) -> None:
        self._read = read
        self._claiming = claiming
        self._other_key = other_key

    async def heard(self, told: Sequence[Any]) -> None:
        """Read these rows again. Raises StoreAway."""
        rows = {(str(kind), str(name)) for each in told for kind, name in each}
        await self._follow(await self._claiming.register.take(self._read, rows))

    async def missed(self) -> None:
        """Read all rows again, unless they are yet to be read. Raises StoreAway."""
        if self._claiming.register.loaded:
            await self._follow(await self._claiming.register.take(self._read, None))

    async def _follow(self, taken: Taken) -> None:
        if taken.other_key:
            self._other_key()
        if self._claiming.register.loaded:  # else all stations are looked at when it is
            await self._claiming.follow(taken)
