"""The lookup: a registry of stations that says by which security profile each is to come, and with which password.

One GET for each handshake, of a URL with the identity in it, as the MaEVe gateway asks its manager. The answer is
`{"securityProfile": 0, "base64SHA256Password": "…", "invalidUsernameAllowed": false}`: profile 0 is HTTP Basic without
TLS, 1 HTTP Basic with TLS, 2 TLS with a certificate of the station's own. Its password is known as a SHA-256 only. A
certificate that a proxy has verified is known by its SHA-256, and is asked for too: `{"certificate": "…in PEM…"}`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

import msgspec

from voltgate.directory.asking import Asking, Undecided, head, status_and_body
from voltgate.directory.basic import credentials_of, secret_of
from voltgate.directory.certificates import named_by, url_safe
from voltgate.ocpp.folding import folding

STATION = "{station}"
HASH = "{hash}"
BY_CERTIFICATE = 2
"""The security profile of stations that come with a certificate of their own."""


class Registered(msgspec.Struct, rename="camel"):
    """What the registry says of a station."""

    security_profile: int
    password: str | None = msgspec.field(default=None, name="base64SHA256Password")
    invalid_username_allowed: bool = False


class _Certificate(msgspec.Struct):
    certificate: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a station has shown of itself before it said anything.

    `name` and `organizations` are of the certificate that it has shown and that was verified; "" and none without one.
    `until` is when it ends, in seconds since 1970. Of one that a proxy has verified there may be the `fingerprint`
    alone, by which the registry knows it. `is_bad`: there was one that nobody has verified, or that cannot be read.
    """

    secure: bool = False
    name: str = ""
    organizations: tuple[str, ...] = ()
    fingerprint: str = ""
    until: float | None = None
    is_bad: bool = False


NOTHING_SHOWN = Shown()


class Lookup(Asking):
    """A client of registries."""

    __slots__ = ()

    async def find(self, url: str, station: str) -> Registered | None:
        """Return what the registry says of a station; None if it knows none. Raise Undecided."""
        to = urlsplit(url.replace(STATION, quote(station, safe="")))
        request = head("GET", to, "Accept: application/json", version="HTTP/1.0")  # to 1.0 nobody answers in chunks
        status, body = await self._ask(url, to, request, status_and_body)
        if 400 <= status < 500:
            return None
        if status != 200:
            raise Undecided(f"answered {status}")
        try:
            return msgspec.json.decode(body, type=Registered)
        except msgspec.MsgspecError as error:
            raise Undecided(f"answered with what cannot be read: {error}") from None

    async def named(self, url: str, shown: Shown) -> Shown:
        """Return what a station has shown, with whom its certificate names; as it is if the registry has it not.

        Raise Undecided.
        """
        to = urlsplit(url.replace(HASH, url_safe(shown.fingerprint)))
        request = head("GET", to, "Accept: application/json", version="HTTP/1.0")
        status, body = await self._ask(url, to, request, status_and_body)
        if 400 <= status < 500:
            return shown
        if status != 200:
            raise Undecided(f"answered {status}")
        try:
            found = msgspec.json.decode(body, type=_Certificate)
            name, organizations = named_by(found.certificate, shown.fingerprint)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Undecided(str(error)) from None
        return replace(shown, name=name, organizations=organizations)


def admits(
    found: Registered,
    shown: Shown,
    authorization: bytes | None,
    identity: str,
    organizations: frozenset[str],
    *,
    case_sensitive: bool,
) -> bool:
    """Return whether a station has come as it must. Raise Undecided for a profile that is none.

    A certificate must bear the identity as its common name, and one of `organizations` unless there are none.
    """
    match found.security_profile:
        case 0 | 1 as profile:
            return shown.secure is (profile == 1) and _knows(found, authorization, identity, case_sensitive)
        case 2:  # BY_CERTIFICATE
            fold = folding(case_sensitive=case_sensitive)
            is_ours = not organizations or not organizations.isdisjoint(shown.organizations)
            return shown.secure and bool(shown.name) and fold(shown.name) == fold(identity) and is_ours
        case other:
            raise Undecided(f"answered with security profile {other}, which is none of 0, 1 and 2")


def _knows(found: Registered, authorization: bytes | None, identity: str, case_sensitive: bool) -> bool:
    pair = None if authorization is None else credentials_of(authorization)
    if pair is None or not found.password:
        return False
    if found.invalid_username_allowed:
        _, colon, password = pair.partition(b":")
        secret = password if colon else None
    else:
        secret = secret_of(pair, identity, case_sensitive=case_sensitive)
    hashed = base64.b64encode(hashlib.sha256(secret or b"").digest())
    return hmac.compare_digest(hashed, found.password.encode()) and secret is not None
