"""Authentication of stations, where the gateway checks their credentials and not a backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voltgate.carriers.handshake import Certified, Handshake, Refused
from voltgate.carriers.websocket.origin import address_of
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.config import Config
from voltgate.directory import certificates
from voltgate.directory.asking import Undecided
from voltgate.directory.hook import Hook
from voltgate.directory.lookup import Lookup, Shown
from voltgate.directory.passwords import MISSING, Denied, Passwords
from voltgate.directory.profiles import CERTIFICATE, Arrival, Unfit, Wanted, arrival
from voltgate.directory.security import StationSecurity
from voltgate.directory.stations import Station
from voltgate.directory.throttle import Throttle
from voltgate.ocpp.folding import folding
from voltgate.relay.certificate_events import CertificateUnasked
from voltgate.relay.events import Listen

if TYPE_CHECKING:
    from voltgate.directory.revocation import Revocation

_A_PAGE = Refused(403, "A web page that is not of this machine may come as no station that nobody has made known")
_LATER = (("Retry-After", "10"),)
_BLIND = Refused(503, "The database is away: nobody knows how this station may come", _LATER)
_LOWER = (
    "This station comes with security profile {}, below the {} that it has come with before: an operator can let it"
)
_REVOKED = {
    "revoked": "The certificate of the station was revoked",
    "unknown": "The authority does not know the certificate of the station",
}
_UNASKED = "Nobody can say whether the certificate of the station was revoked: {}"
_SWITCHING, _NO = 101, (401, 403)
"""What a backend lets a station in with, and what it says to one that has not proved who it is."""
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="voltgate"')


class Authentication:
    """Checks stations' credentials; verified passwords and failures are kept over changes of the configuration.

    `names` looks up the hosts of password hooks, registries and OCSP responders; `security` is what is known besides.
    `listen` hears of stations that were let in without an answer of a responder.
    """

    def __init__(
        self, names: Resolver | None = None, security: StationSecurity | None = None, listen: Listen = lambda _: None
    ) -> None:
        self._throttle = Throttle(0)
        self.security = StationSecurity(time.time) if security is None else security
        self._listen = listen
        reach = self._reach = partial(Attempt, names or Resolver())
        self._passwords = Passwords(self._throttle, time.monotonic, Hook(reach), Lookup(reach), kept=self.security)

    @cached_property
    def _revocation(self) -> Revocation:
        from voltgate.directory.revocation import Revocation  # noqa: PLC0415 - cryptography is large, and few need it

        return Revocation(self._reach, time.monotonic, time.time)

    def follow(self, config: Config) -> None:
        """Apply a configuration."""
        self._throttle.per_minute = config.limits.failed_logins
        self._passwords.case_sensitive = config.directory.case_sensitive
        if any(listener.ocsp != "off" for listener in config.listen.stations):
            _ = self._revocation  # imported now, and not while stations come

    async def check(self, station: Station, handshake: Handshake) -> Refused | Arrival:
        """Return with which security profile a station is admitted, or why it is refused."""
        if station.source == "stranger" and _is_a_page(handshake):
            return _A_PAGE
        if station.checked and not self.security.is_read:
            return _BLIND
        shown, entry = _shown(handshake.certificate, secure=handshake.secure), station.entry
        wanted = Wanted.of(entry, handshake)
        least = self.security.least(station.key)
        if least == CERTIFICATE and wanted.profiles is None:
            wanted = replace(wanted, profiles=frozenset({CERTIFICATE}))
        fold = folding(case_sensitive=self._passwords.case_sensitive)
        came = arrival(station, shown, handshake.authorization is not None, wanted, time.time(), fold)
        if isinstance(came, Unfit):
            return _refused(MISSING) if came.is_missing else Refused(403, came.reason)
        if not came.proven:
            denied = await self._passwords.check(
                station, handshake.authorization, handshake.address, handshake.offered, shown
            )
            if denied is not None:
                return _refused(denied)
            if station.checked and not came.by_registry:
                came = replace(came, proven=True)
        if came.profile < least and not came.by_registry:
            return Refused(403, _LOWER.format(came.profile, least))
        return await self._revoked(station, handshake) or came

    async def _revoked(self, station: Station, handshake: Handshake) -> Refused | None:
        """Return why a station is refused whose certificate may have been revoked; None if its listener lets it in."""
        ocsp, shown = handshake.ocsp, handshake.certificate
        if ocsp is None or not (shown.chain or shown.fingerprint):
            return None
        try:
            status = await self._revocation.status(shown.chain or (shown.leaf,), ocsp.authorities, ocsp.url)
        except Undecided as why:
            if ocsp.required:
                return Refused(503, _UNASKED.format(why), _LATER)
            self._listen(CertificateUnasked(handshake.listener, handshake.address, station.identity, str(why)))
            return None
        return None if status == "good" else Refused(403, _REVOKED[status])

    def came(self, station: Station, arrival: Arrival) -> None:
        """Note that a station has come in: with no lower profile from now on."""
        self.security.came(station.key, station.identity, arrival)

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
        if "_revocation" in self.__dict__:
            self._revocation.close()


def _shown(certificate: Certified, *, secure: bool) -> Shown:
    """Return what a station has shown; of a certificate that a proxy hands over, what stands in it."""
    name, organizations, until = certificate.name, certificate.organizations, certificate.until
    if certificate.leaf:
        try:
            name, organizations, until = certificates.read(certificate.leaf)
        except ValueError:
            return Shown(secure, fingerprint=certificate.fingerprint, is_bad=True)
    return Shown(secure, name, organizations, certificate.fingerprint, until, certificate.is_bad)


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
