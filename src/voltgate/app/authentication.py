"""Authentication of stations, where the gateway checks their credentials and not a backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from math import ceil
from urllib.parse import urlsplit

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.websocket.origin import address_of
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.config import Config
from voltgate.directory.hook import Hook
from voltgate.directory.lookup import Lookup, Shown
from voltgate.directory.passwords import Denied, Passwords
from voltgate.directory.stations import Station
from voltgate.directory.throttle import Throttle

_A_PAGE = Refused(403, "A web page that is not of this machine may come as no station that nobody has made known")
_SWITCHING, _NO = 101, (401, 403)
"""What a backend lets a station in with, and what it says to one that has not proved who it is."""
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="voltgate"')


class Authentication:
    """Checks stations' credentials; verified passwords and failures are kept over changes of the configuration.

    `names` looks up the hosts of password hooks and of registries.
    """

    def __init__(self, names: Resolver | None = None) -> None:
        self._throttle = Throttle(0)
        reach = partial(Attempt, names or Resolver())
        self._passwords = Passwords(self._throttle, time.monotonic, Hook(reach), Lookup(reach))

    def follow(self, config: Config) -> None:
        """Apply a configuration."""
        self._throttle.per_minute = config.limits.failed_logins
        self._passwords.case_sensitive = config.directory.case_sensitive

    async def check(self, station: Station, handshake: Handshake) -> Refused | None:
        """Return why a station is refused; None if it is admitted."""
        if station.source == "stranger" and _is_a_page(handshake):
            return _A_PAGE
        certificate = handshake.certificate
        shown = Shown(handshake.secure, certificate.name, certificate.organizations, certificate.fingerprint)
        denied = await self._passwords.check(
            station, handshake.authorization, handshake.address, handshake.offered, shown
        )
        return None if denied is None else _refused(denied)

    def attempt(self, station: Station, handshake: Handshake) -> Callable[[int | None], None] | Refused:
        """Begin a try that a backend decides on: return what is told of its status, or the refusal of one too many.

        What it says no to counts as a wrong password does here.
        """
        throttle, clock, of = self._throttle, time.monotonic, (station.key, handshake.address)
        wait = throttle.wait(*of, clock())
        if wait:
            return _refused(Denied(429, "Too many refused attempts", retry_after=ceil(wait)))
        counted = throttle.begin(*of, clock())

        def decided(status: int | None) -> None:
            if status == _SWITCHING:
                throttle.succeeded(counted, clock())
            elif status not in _NO:
                throttle.undecided(counted, clock())

        return decided

    def close(self) -> None:
        """Stop checking."""
        self._passwords.close()


def _is_a_page(handshake: Handshake) -> bool:
    """Return whether a web page asks, in a browser on this machine: "by loopback" is then not "from here".

    Browsers let every page open websockets to every address, and say in Origin where the page is from. What a proxy on
    this machine passes on is not looked at: stations may send the header too.
    """
    said = {name.lower(): value for name, value in handshake.headers}
    return (
        "origin" in said and "x-forwarded-for" not in said and _is_here(handshake.peer) and not _is_own(said["origin"])
    )


def _is_own(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_here(host)


def _is_here(address: str) -> bool:
    known = address_of(address)
    return known is not None and known.is_loopback


def _refused(denied: Denied) -> Refused:
    headers = [_CHALLENGE] if denied.challenge else []
    if denied.retry_after is not None:
        headers.append(("Retry-After", str(denied.retry_after)))
    return Refused(denied.status, denied.reason, tuple(headers))
