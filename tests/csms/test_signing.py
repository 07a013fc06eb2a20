"""What stations ask to be signed, and what the authority makes of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.csms.stage import FakeStation, Stage
from tests.keypair import Authority as Pair
from voltgate.csms import signing
from voltgate.csms.model import SigningRequest, Station
from voltgate.csms.ports import StoreAway
from voltgate.csms.signing import Authority


def csr(name: str = "CP-1", organization: str = "", key: Any = None) -> str:
    """Return what a station sends."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    signed = made.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def authority(folder: Path, organization: str = "") -> Authority:
    """Return one with a key of its own; a test's own day is as long as it lives."""
    pair = Pair(folder)
    return Authority(pair.certificate, folder / "authority-key.pem", organization=organization)


async def signed(stage: Stage, station: FakeStation, **said: Any) -> SigningRequest:
    """Have a station ask, and the signer do what there is to do; return what became of it."""
    assert await station.say("SignCertificate", said) == {"status": "Accepted"}
    assert station.asked == [], "nothing is signed on the way of messages"
    if stage.csms.signer._asked:
        async with asyncio.timeout(30):
            await stage.csms.signer.run()
    row = stage.one(SigningRequest)
    assert isinstance(row, SigningRequest)
    return row


@pytest.mark.parametrize(
    ("protocol", "more", "told"),
    [
        ("ocpp1.6", {}, {}),
        ("ocpp2.0.1", {}, {"certificateType": "ChargingStationCertificate"}),
        ("ocpp2.1", {"requestId": 7}, {"certificateType": "ChargingStationCertificate", "requestId": 7}),
    ],
)
async def test_a_request_is_signed(tmp_path: Path, protocol: str, more: dict[str, Any], told: dict[str, Any]) -> None:
    """The station has its answer, and then the certificate with that of the authority behind it."""
    async with Stage() as stage:
        stage.now = time.time()
        stage.csms.signer.authority = mine = authority(tmp_path)
        station, key = stage.station(protocol=protocol), ec.generate_private_key(ec.SECP256R1())
        row = await signed(stage, station, csr=csr("cp-1", key=key), **more)
        assert row.status == "signed"
        assert station.asked == [("CertificateSigned", {"certificateChain": row.chain, **told})]
        leaf, issuer = x509.load_pem_x509_certificates(row.chain.encode())
        assert issuer == x509.load_pem_x509_certificate(mine.certificate.read_bytes())
        leaf.verify_directly_issued_by(issuer)
        assert leaf.public_key() == key.public_key()
        assert leaf.not_valid_after_utc <= issuer.not_valid_after_utc
        assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def forged() -> str:
    """Return a request whose signature is not of its key."""
    der = bytearray(x509.load_pem_x509_csr(csr().encode()).public_bytes(serialization.Encoding.DER))
    at = der.index(b"CP-1")
    der[at : at + 4] = b"CP-9"
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


FORGED = forged()


@pytest.mark.parametrize(
    ("request_", "organization"),
    [
        (csr("CP-2"), ""),
        (FORGED, ""),
        (csr(), "Example"),
        (csr(organization="Another"), "Example"),
        (csr(key=rsa.generate_private_key(65537, 1024)), ""),
        ("-----BEGIN CERTIFICATE REQUEST-----", ""),
        ("é\0", ""),
    ],
)
async def test_a_request_that_an_operator_has_to_see(tmp_path: Path, request_: str, organization: str) -> None:
    """What names somebody else, or is not well made, is not signed: it waits."""
    async with Stage() as stage:
        stage.now = time.time()
        stage.csms.signer.authority = authority(tmp_path, organization)
        station = stage.station("CP-9" if request_ == FORGED else "CP-1")
        assert (await signed(stage, station, csr=request_)).status == "waiting"
        assert (station.asked, stage.csms.signer.unsigned) == ([], 1)
        await station.say("Heartbeat", {})


async def test_what_the_authority_is_not_for(tmp_path: Path) -> None:
    """Without an authority, and for other kinds of certificates, everything waits."""
    async with Stage() as stage:
        stage.now = time.time()
        station = stage.station(protocol="ocpp2.0.1")
        assert (await signed(stage, station, csr=csr())).status == "waiting"
        stage.csms.signer.authority = authority(tmp_path)
        await station.say("SignCertificate", {"csr": csr(), "certificateType": "V2GCertificate"})
        assert not stage.csms.signer._asked


async def test_a_station_that_is_not_accepted_meanwhile(tmp_path: Path) -> None:
    """It gets no certificate; nor does one that has asked for another key meanwhile."""
    async with Stage() as stage:
        stage.now = time.time()
        stage.csms.signer.authority = authority(tmp_path, "Example")
        station = stage.station()
        await station.say("SignCertificate", {"csr": csr(organization="Example")})
        row = stage.one(Station)
        row.told = "Rejected"
        async with asyncio.timeout(30):
            await stage.csms.signer.run()
        assert (stage.one(SigningRequest).status, station.asked) == ("waiting", [])
        row.told = "Accepted"
        for _ in range(2):
            await station.say("SignCertificate", {"csr": csr(organization="Example")})
        async with asyncio.timeout(30):
            await stage.csms.signer.run()
            assert station.asked == [], "that was the first one"
            await stage.csms.signer.run()
        assert [action for action, _ in station.asked] == ["CertificateSigned"]


async def test_a_database_that_is_away(tmp_path: Path) -> None:
    """The station gets its certificate once that it was signed is on disk."""
    async with Stage() as stage:
        stage.now = time.time()
        stage.csms.signer.authority = authority(tmp_path)
        station = stage.station()
        await station.say("SignCertificate", {"csr": csr()})
        stage.rows.away = "it is away"
        with pytest.raises(StoreAway):
            await stage.csms.signer.run()
        assert station.asked == []
        stage.rows.away = ""
        async with asyncio.timeout(30):
            await stage.csms.signer.run()
        assert [action for action, _ in station.asked] == ["CertificateSigned"]


async def test_more_requests_than_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond wait for an operator, and are counted."""
    monkeypatch.setattr(signing, "WAITING", 1)
    async with Stage() as stage:
        stage.csms.signer.authority = authority(tmp_path)
        for name in ("CP-1", "CP-2"):
            said = {"csr": csr(name)}
            assert await stage.station(name).say("SignCertificate", said) == {"status": "Accepted"}
        assert [each.said.identity for each in stage.csms.signer._asked] == ["CP-1"]
        assert stage.csms.signer.unsigned == 1
        assert {row.status for row in stage.rows.all(SigningRequest)} == {"waiting"}
