"""A claimant: a backend that declares stations as its own, and its own address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voltgate.directory.rows import Address


class NotAllowed(Exception):  # noqa: N818 - named for the condition
    """A backend declared an address that the configuration does not allow."""


@dataclass(frozen=True, slots=True)
class DeclaredAddress:
    """The address that a backend declares: its URLs, or its IP with the rest as configured; "" if not given."""

    url: str = ""
    soap_url: str = ""
    ip: str = ""

    def __bool__(self) -> bool:
        return bool(self.url or self.soap_url or self.ip)


@dataclass(frozen=True, slots=True)
class Claimant:
    """What a backend may claim and declare. `address` raises NotAllowed."""

    name: str
    may_claim: Callable[[str], bool]
    address: Callable[[DeclaredAddress], Address]
