"""Certificates with their keys, for configurations that name some."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Signer = tuple[x509.Certificate, Key]


def write_pair(certificate: Path, key: Path, days: float = 1, *, after: float = 0) -> None:
    """Write a certificate that signs itself, and its private key. It ends in so many days, and begins `after` some."""
    certified, private = _certified(ec.generate_private_key(ec.SECP256R1()), "localhost", None, days=days, after=after)
    _write(certificate, key, private, certified)


def write_chain(folder: Path, kind: str = "ec") -> tuple[Path, Path, Path]:
    """Write a certificate ("ec" or "rsa") behind an intermediate one; give chain, key, and the root, which is apart."""
    root = _certified(ec.generate_private_key(ec.SECP256R1()), "root", None, is_authority=True)
    middle = _certified(ec.generate_private_key(ec.SECP256R1()), "middle", root, is_authority=True)
    own: Key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    leaf, _ = _certified(own, "localhost", middle)
    chain, key, trust = (folder / f"{kind}-{name}.pem" for name in ("chain", "key", "root"))
    _write(chain, key, own, leaf, middle[0])
    _write(trust, folder / "root-key.pem", root[1], root[0])
    return chain, key, trust


class Authority:
    """Signs certificates of stations, which name an identity and an organization."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signer = _certified(ec.generate_private_key(ec.SECP256R1()), "authority", None, is_authority=True)
        self.certificate = folder / "authority.pem"
        _write(self.certificate, folder / "authority-key.pem", self._signer[1], self._signer[0])

    def issue(self, identity: str, organization: str) -> tuple[Path, Path]:
        """Write a certificate and its key."""
        private = ec.generate_private_key(ec.SECP256R1())
        certified, _ = _certified(private, identity, self._signer, organization=organization)
        certificate, key = (self._folder / f"{identity}-{organization}{kind}.pem" for kind in ("", "-key"))
        _write(certificate, key, private, certified)
        return certificate, key


def write_revoked(file: Path, days: float = 1) -> None:
    """Write the list of an authority that has revoked nothing. It ends in so many days."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    made = x509.CertificateRevocationListBuilder().issuer_name(name)
    made = made.last_update(now + datetime.timedelta(days=min(0, days - 1)))
    signed = made.next_update(now + datetime.timedelta(days=days)).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()
    )
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _certified(
    private: Key,
    subject: str,
    signer: Signer | None,
    *,
    is_authority: bool = False,
    organization: str = "",
    days: float = 1,
    after: float = 0,
) -> Signer:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, subject)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    name = x509.Name(attributes)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if signer is None else signer[0].subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=min(after, days - 1)))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    if is_authority:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(private if signer is None else signer[1], hashes.SHA256()), private


def _write(certificate: Path, key: Path, private: Key, *chain: x509.Certificate) -> None:
    for file in (certificate, key):
        file.parent.mkdir(parents=True, exist_ok=True)
    certificate.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain))
    plain = serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
