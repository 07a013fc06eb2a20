"""Signs the certificates that stations ask for, by an authority of the operator's own.

What is signed lets its owner in as the station that it names: a request must be well-formed, bear the signature of its
own key, and name the station that makes it. Source: 1.6 security whitepaper, A02 and A03, and sections 2.3, 2.4;
2.x Part 2, A00.FR.505 to A00.FR.511, A02, A03.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from voltgate.csms.handlers.certificates import CHARGING_STATION
from voltgate.csms.handling import Command
from voltgate.csms.model import Row, SigningRequest
from voltgate.csms.ports import Found, Needs, Store, StoreAway
from voltgate.csms.said import Said

WAITING = 1000
"""Requests that may wait to be signed; those beyond wait for an operator, or for the station to ask again."""
_LONGEST = 10_000
"""Characters of a request that are looked at: 5500 are what OCPP has."""
_RSA_BITS = 2048
_EC_BITS = 224
"""Bits of keys at least (A00.FR.507, A00.FR.508)."""
_EARLIER = timedelta(minutes=5)
"""Clocks of stations may be behind by so much."""

log = structlog.get_logger("voltgate.csms")


class Unsigned(Exception):  # noqa: N818 - it says what becomes of it
    """A request is not signed, for a reason that is for the operator to read."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs: PEM files of a certificate, followed by those above it, and of its key; how many days it holds."""

    certificate: Path
    key: Path
    days: int = 365
    organization: str = ""
    """What the subject must name as its organization; "": anything."""

    def sign(self, csr: str, names: Callable[[str], bool], now: float) -> str:
        """Return the certificate for a request with those above it, in PEM. To be called in a thread.

        `names` returns whether a common name is that of the station. Raise Unsigned; OSError and ValueError for the
        authority's own files.
        """
        from cryptography import x509  # noqa: PLC0415 - it takes long, and most need it never
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

        request = _request(csr, names, self.organization)
        above = self.certificate.read_bytes()
        issuer = x509.load_pem_x509_certificates(above)[0]
        key: Any = serialization.load_pem_private_key(self.key.read_bytes(), None)
        at = datetime.fromtimestamp(now, UTC)
        end = min(at + timedelta(days=self.days), issuer.not_valid_after_utc)
        if end <= at:
            raise Unsigned("the certificate of the authority has expired")
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        mine = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
        its = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - _EARLIER)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(mine, critical=False)
            .add_extension(its, critical=False)
            .sign(key, hashes.SHA256())
        )
        return (made.public_bytes(serialization.Encoding.PEM) + above).decode("ascii")


def _request(csr: str, names: Callable[[str], bool], organization: str) -> Any:
    """Return a request that may be signed. Raise Unsigned."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    try:
        request = x509.load_pem_x509_csr(csr[:_LONGEST].encode())
        is_its_own, key = request.is_signature_valid, request.public_key()
        common = [str(each.value) for each in request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        owners = [str(each.value) for each in request.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unsigned("it is no certificate request in PEM that can be read") from None
    if not is_its_own:
        raise Unsigned("its signature is not of its own key")
    bits = {rsa.RSAPublicKey: _RSA_BITS, ec.EllipticCurvePublicKey: _EC_BITS}
    least = next((bits[kind] for kind in bits if isinstance(key, kind)), None)
    if least is None or getattr(key, "key_size", 0) < least:
        raise Unsigned(f"its key is not RSA of {_RSA_BITS} bits, or of an elliptic curve of {_EC_BITS}, or more")
    if len(common) != 1 or not names(common[0]):
        raise Unsigned("its common name is not the identity of the station")
    if organization and owners != [organization]:
        raise Unsigned(f'its organization is not "{organization}"')
    return request


class Asked(NamedTuple):
    """A request that was answered: what the station said, and how it is called."""

    said: Said
    tell: Callable[[Command], None]


class Signer:
    """Signs what stations have asked for, one after the other: `run` is to be called again and again."""

    def __init__(self, store: Store, fold: Callable[[str], str], wall: Callable[[], float]) -> None:
        self.authority: Authority | None = None
        self.unsigned = 0
        """Requests that wait for an operator, though there is an authority."""
        self._store = store
        self._fold = fold
        self._wall = wall
        self._asked: deque[Asked] = deque()
        self._wake = asyncio.Event()

    def ask(self, asked: Asked) -> None:
        """Have a request signed soon, if there is an authority, and it is for a certificate of a station's own."""
        said = asked.said
        if self.authority is None or _kind(said) != CHARGING_STATION or "hashRootCertificate" in said.fields:
            return
        if len(self._asked) >= WAITING:
            self.unsigned += 1
            return
        self._asked.append(asked)
        self._wake.set()

    async def run(self) -> None:
        """Wait for a request, and sign it; raise StoreAway when that cannot be kept now: it is signed again."""
        while not self._asked:
            self._wake.clear()
            await self._wake.wait()
        asked, authority = self._asked.popleft(), self.authority
        if authority is None:
            return
        try:
            await self._sign(asked, authority)
        except StoreAway:
            self._asked.appendleft(asked)
            raise

    async def _sign(self, asked: Asked, authority: Authority) -> None:
        said = asked.said
        csr = said.text("csr")

        def names(name: str) -> bool:
            return self._fold(name) == said.station

        try:
            chain = await asyncio.to_thread(authority.sign, csr, names, self._wall())
        except (Unsigned, OSError, ValueError, TypeError) as error:
            self.unsigned += 1
            log.warning("a certificate waits for an operator", station=said.identity, reason=str(error))
            return
        if await self._keep(said, csr, chain):
            asked.tell(_signed(said, chain))

    async def _keep(self, said: Said, csr: str, chain: str) -> bool:
        """Note that a request was signed; return False if it waits no more, or the station has asked for another."""
        kept: list[SigningRequest] = []

        def decide(found: Found) -> Iterable[Row]:
            waiting = [row for row in found.signing.values() if row.station == said.station]
            station = found.stations.get(said.station)
            is_accepted = station is not None and station.told in ("", "Accepted")
            kept[:] = [row for row in waiting if (row.kind, row.csr) == (CHARGING_STATION, csr) and is_accepted]
            for row in kept:
                row.status, row.chain = "signed", chain
            return kept

        await self._store.round(Needs(there={said.station}, signing={said.station}), decide)
        return bool(kept)


def _kind(said: Said) -> str:
    return said.text("certificateType") or CHARGING_STATION


def _signed(said: Said, chain: str) -> Command:
    payload: dict[str, Any] = {"certificateChain": chain}
    if said.modern:
        payload["certificateType"] = CHARGING_STATION
    if said.version == "ocpp2.1" and said.whole("requestId") is not None:
        payload["requestId"] = said.whole("requestId")
    return Command("CertificateSigned", payload)
