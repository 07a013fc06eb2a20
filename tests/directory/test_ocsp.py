"""What the answer of an OCSP responder says, and which answers do not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp

from tests.ocsp_responder import UNSAID, answer, by_openssl, certificate
from tests.openssl_authority import OpenSSLAuthority, Pair
from voltgate.directory.asking import Undecided
from voltgate.directory.ocsp import Question, Said, question, said

REVOKED, UNKNOWN = x509_ocsp.OCSPCertStatus.REVOKED, x509_ocsp.OCSPCertStatus.UNKNOWN


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> OpenSSLAuthority:
    """An authority, with the certificates of two stations and of those that may answer for it."""
    authority = OpenSSLAuthority(tmp_path_factory.mktemp("authority") / "root", "root")
    authority.issue("CP1")
    authority.issue("CP2")
    for kind in ("ec", "rsa", "ed25519"):
        authority.issue("signer", "", kind, file=f"signer-{kind}", extensions="responder")
    authority.issue("signer", "", file="signer-ended", extensions="responder", ended=True)
    return authority


def pair(authority: OpenSSLAuthority, name: str) -> Pair:
    """Return the files of a certificate."""
    return Pair(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")


def der(file: Path) -> bytes:
    """Return a certificate as DER."""
    return certificate(file).public_bytes(Encoding.DER)


def asked(authority: OpenSSLAuthority, name: str = "CP1") -> Question:
    """Return the question about a certificate."""
    return question(der(pair(authority, name).certificate), [der(authority.certificate)])


def read(authority: OpenSSLAuthority, body: bytes, status: int = 200) -> Said:
    """Return what an answer says about CP1."""
    return said(asked(authority), status, body, datetime.now(UTC))


def objection(authority: OpenSSLAuthority, body: bytes, status: int = 200) -> str:
    """Return why an answer about CP1 does not count."""
    with pytest.raises(Undecided) as why:
        read(authority, body, status)
    return str(why.value)


def test_what_is_said(root: OpenSSLAuthority) -> None:
    """Good, revoked and unknown, signed by the authority or by whom it has named: RSA or ECDSA, by hash or name."""
    leaf = pair(root, "CP1").certificate
    assert read(root, answer(leaf, root)).status == "good"
    assert read(root, answer(leaf, root, by_name=True)).status == "good"
    assert read(root, answer(leaf, root, status=REVOKED)).status == "revoked"
    assert read(root, answer(leaf, root, status=UNKNOWN)).status == "unknown"
    for kind in ("ec", "rsa"):
        signer = pair(root, f"signer-{kind}")
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            assert read(root, answer(leaf, root, signer, digest=digest)).status == "good"
        assert read(root, answer(leaf, root, signer, by_name=True)).status == "good"


def test_certificates_beside_that_of_the_signer(root: OpenSSLAuthority) -> None:
    """That of who signed may stand behind others; an answer that is full of them is not read."""
    leaf, signer, other = pair(root, "CP1").certificate, pair(root, "signer-ec"), pair(root, "CP2").certificate
    assert read(root, answer(leaf, root, signer, before=[other] * 7)).status == "good"
    assert "more than 16384 bytes" in objection(root, answer(leaf, root, signer, before=[other] * 50))


def test_an_authority_with_rsa(tmp_path: Path) -> None:
    """An authority with a key of RSA answers for a certificate that it has signed."""
    rsa = OpenSSLAuthority(tmp_path / "rsa", "rsa", kind="rsa")
    rsa.issue("CP1")
    assert read(rsa, answer(pair(rsa, "CP1").certificate, rsa)).status == "good"


def test_for_how_long(root: OpenSSLAuthority) -> None:
    """An answer holds until its end; five minutes are allowed for clocks; one without an end is of its moment."""
    leaf = pair(root, "CP1").certificate
    assert 7100 < read(root, answer(leaf, root)).seconds <= 7200
    late = answer(leaf, root, since=timedelta(hours=3), ends=timedelta(minutes=-4))
    assert read(root, late).seconds < 0
    assert read(root, answer(leaf, root, since=timedelta(minutes=-4))).status == "good"
    assert read(root, answer(leaf, root, ends=UNSAID)).seconds < 0
    for since, ends in ((180, -6), (-6, 120)):
        wrong = answer(leaf, root, since=timedelta(minutes=since), ends=timedelta(minutes=ends))
        assert "does not hold now" in objection(root, wrong)
    assert "does not hold now" in objection(root, answer(leaf, root, since=timedelta(minutes=6), ends=UNSAID))


def test_what_does_not_count(root: OpenSSLAuthority, tmp_path: Path) -> None:
    """About another certificate, signed by a stranger, changed on the way, or no answer: each has its sentence."""
    leaf = pair(root, "CP1").certificate
    same_name = OpenSSLAuthority(tmp_path / "same", "root")
    stranger = same_name.issue("signer", "", extensions="responder")
    body = answer(leaf, root)
    assert "about another certificate" in objection(root, answer(pair(root, "CP2").certificate, root))
    assert "about another certificate" in objection(
        root, answer(leaf, same_name, Pair(root.certificate, root.folder / "ca.key"), named=False)
    )
    assert "signed by a stranger" in objection(root, answer(leaf, root, stranger))
    assert "without the certificate of who signed it" in objection(root, answer(leaf, same_name))
    assert "signature is not right" in objection(root, answer(leaf, same_name, by_name=True))
    assert "without the certificate" in objection(root, answer(leaf, root, pair(root, "signer-ec"), named=False))
    assert "not for that (OCSPSigning)" in objection(root, answer(leaf, root, pair(root, "CP2")))
    assert "does not hold now" in objection(root, answer(leaf, root, pair(root, "signer-ended")))
    assert "SHA-2" in objection(root, by_openssl(leaf, root, "-rmd", "sha1"))
    assert read(root, by_openssl(leaf, root, "-rmd", "sha256")).status == "good"
    other = pair(root, "signer-ed25519")
    assert "another kind than RSA or ECDSA" in objection(root, answer(leaf, root, other))
    assert "signature is not right" in objection(root, body[:-1] + bytes([body[-1] ^ 1]))
    assert "cannot be read" in objection(root, body[:-1])
    assert "cannot be read" in objection(root, b"")
    busy = x509_ocsp.OCSPResponseBuilder.build_unsuccessful(x509_ocsp.OCSPResponseStatus.TRY_LATER)
    assert objection(root, busy.public_bytes(Encoding.DER)) == "answered try_later"
    assert objection(root, body, 302) == "answered 302"


def test_whom_to_ask(root: OpenSSLAuthority) -> None:
    """The first responder of the certificate that can be asked by HTTP, once its authority is known."""
    authorities = [b"no certificate", der(root.certificate)]

    def responder(url: str) -> str:
        leaf = root.issue("CP3", responder=url, file=f"CP{abs(hash(url))}")
        return question(der(leaf.certificate), authorities).responder

    assert responder("http://ocsp.example/a?b") == "http://ocsp.example/a?b"
    assert responder("https://ocsp.example") == "https://ocsp.example"
    for wrong in ("ldap://ocsp.example", "http:///nowhere", "http://a b.example", "http://us:er@ocsp.example"):
        assert responder(wrong) == ""
    assert asked(root).responder == ""
    with pytest.raises(Undecided, match="name it in client_authority"):
        question(der(pair(root, "CP1").certificate), [der(pair(root, "CP2").certificate)])
    with pytest.raises(Undecided, match="cannot be read"):
        question(b"\x30\x00", authorities)
    with pytest.raises(Undecided, match="no more than the hash"):
        question(b"", authorities)
