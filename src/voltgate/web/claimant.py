"""A claimant: a backend that says which stations are its own, and where it is itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voltgate.directory.register import Address


class NotAllowed(Exception):  # noqa: N818 - it says what is the matter
    """A backend said that it is somewhere where the configuration does not let it be."""


@dataclass(frozen=True, slots=True)
class Said:
    """Where a backend says that it is: its URLs, or its IP, with the rest as configured; "" not said."""

    url: str = ""
    soap_url: str = ""
    ip: str = ""

    def __bool__(self) -> bool:
        return bool(self.url or self.soap_url or self.ip)


@dataclass(frozen=True, slots=True)
class Claimant:
    """What a backend may say. `address` raises NotAllowed."""

    name: str
    may_claim: Callable[[str], bool]
    address: Callable[[Said], Address]
