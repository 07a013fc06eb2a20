"""The check of a station's password, before its handshake is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from voltgate.directory.asking import Undecided
from voltgate.directory.basic import credentials_of, matches, readings, secret_of
from voltgate.directory.hashes import HASH, Busy, Hashes, Unusable, Weight
from voltgate.directory.hook import Hook
from voltgate.directory.lookup import BY_CERTIFICATE, NOTHING_SHOWN, Lookup, Shown, admits
from voltgate.directory.stations import Credentials, Station
from voltgate.directory.throttle import Throttle
from voltgate.ocpp.dialect import is_modern

_RETRY = 10  # seconds


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a station is not admitted: an HTTP status, a reason, and when it may retry (seconds)."""

    status: int
    reason: str
    retry_after: int | None = None

    @property
    def challenge(self) -> bool:
        """Whether the response must have `WWW-Authenticate: Basic` (RFC 9110 section 11.6.1)."""
        return self.status == 401


MISSING = Denied(401, "The station's password is missing")
WRONG = Denied(401, "Wrong user name or password")
"""One reason for both, so that a client does not learn which it was."""
UNKNOWN = Denied(404, "This station is not known here")


class Kept(Protocol):
    """The passwords that stations were given in place of those of their entries, by their keys."""

    def passwords(self, station: str, configured: str) -> tuple[str, ...]:
        """Return the passwords, or their hashes, by which a station may come."""

    def used(self, station: str, password: str) -> None:
        """Note which of them it came with."""


class _AsConfigured:
    """No station was given another."""

    def passwords(self, station: str, configured: str) -> tuple[str, ...]:
        """Return that of its entry."""
        return (configured,)

    def used(self, station: str, password: str) -> None:
        """Note nothing: there is one only."""


class Passwords:
    """Checks HTTP Basic credentials against the directory, and limits repeated failures.

    It is kept over changes of the configuration: verified passwords and counted failures remain.
    """

    __slots__ = ("_clock", "_hashes", "_hook", "_kept", "_lookup", "case_sensitive", "throttle")

    def __init__(
        self,
        throttle: Throttle,
        clock: Callable[[], float],
        hook: Hook,
        lookup: Lookup,
        *,
        hashes: Hashes | None = None,
        kept: Kept | None = None,
        case_sensitive: bool = False,
    ) -> None:
        """`kept` are the passwords that stations were given in place of those of their entries."""
        self.throttle = throttle
        self.case_sensitive = case_sensitive
        self._clock = clock
        self._hashes = hashes or Hashes()
        self._kept = kept or _AsConfigured()
        self._hook = hook
        self._lookup = lookup

    async def check(
        self,
        station: Station,
        authorization: bytes | None,
        address: str,
        offered: Sequence[str] = (),
        shown: Shown = NOTHING_SHOWN,
    ) -> Denied | None:
        """Return None if a station is admitted, else why not. `authorization` is the header's value as received.

        `offered` are its sub-protocols: a 2.x password is UTF-8 text only (2.1 Part 2 A00.FR.205).
        """
        credentials = station.credentials
        if credentials is None:
            return None
        if authorization is None and credentials.lookup is None:
            return MISSING
        wait = self.throttle.wait(station.key, address, self._clock())
        if wait:
            return Denied(429, "Too many wrong passwords", ceil(wait))
        if credentials.lookup is not None:
            right = self._is_registered(station, credentials, credentials.lookup, authorization, shown)
        else:
            weight = self.throttle.suspicion(station.key, address, self._clock())
            right = self._is_right(station, credentials, authorization or b"", address, offered, weight)
        return await self._counted(station, address, right)

    async def _counted(self, station: Station, address: str, right: Awaitable[bool | None]) -> Denied | None:
        """Check, counting the attempt as a failure until it has succeeded. None: the station is not known."""
        counted = self.throttle.begin(station.key, address, self._clock())
        try:
            is_right = await right
        except (Busy, Unusable, Undecided) as why:
            self.throttle.undecided(counted, self._clock())
            return Denied(503, f"The password could not be checked: {_cause(why)}", _RETRY)
        if is_right is None:
            return UNKNOWN
        if not is_right:
            return WRONG
        self.throttle.succeeded(counted, self._clock())
        return None

    async def _is_right(
        self,
        station: Station,
        credentials: Credentials,
        authorization: bytes,
        address: str,
        offered: Sequence[str],
        weight: Weight,
    ) -> bool:
        pair = credentials_of(authorization)
        secret = None if pair is None else secret_of(pair, station.identity, case_sensitive=self.case_sensitive)
        if secret is None:
            return False
        if credentials.hook is not None:
            return await self._hook.ask(credentials.hook, station.identity, address, authorization)
        spellings = _spellings(credentials, offered)
        for password in self._kept.passwords(station.key, credentials.password or ""):
            if await self._fits(secret, password, spellings, weight):
                self._kept.used(station.key, password)
                return True
        return False

    async def _is_registered(
        self, station: Station, credentials: Credentials, url: str, authorization: bytes | None, shown: Shown
    ) -> bool | None:
        found = await self._lookup.find(url, station.identity)
        if found is None:
            return None
        if found.security_profile == BY_CERTIFICATE and shown.fingerprint and credentials.certificates is not None:
            shown = await self._lookup.named(credentials.certificates, shown)
        case_sensitive, organizations = self.case_sensitive, credentials.organizations
        return admits(found, shown, authorization, station.identity, organizations, case_sensitive=case_sensitive)

    async def _fits(self, secret: bytes, password: str, spellings: Sequence[str], weight: Weight) -> bool:
        if password.startswith(HASH):
            return await self._hashes.verify(password, readings(secret, spellings), weight)
        return matches(secret, password, spellings)

    def close(self) -> None:
        """Stop checking."""
        self._hashes.close()


def _cause(why: Busy | Unusable | Undecided) -> str:
    match why:
        case Busy():
            return "too many are being checked"
        case Unusable():
            return f"its hash cannot be used ({why})"
        case Undecided():
            return f"the hook {why}"


def _spellings(credentials: Credentials, offered: Sequence[str]) -> tuple[str, ...]:
    """Return the spellings to accept: those of 1.6 only from a station that may be about to speak it."""
    if not offered or any(not is_modern(version) for version in offered):
        return credentials.spellings
    return ("text",)
