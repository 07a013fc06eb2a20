"""OCSP: what is asked of an authority about a certificate, and what its answer says.

Source: RFC 6960. Nothing of an answer counts that is not signed, about another certificate, or not of now.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from voltgate.directory.asking import Undecided

Status: TypeAlias = Literal["good", "revoked", "unknown"]

_TOLERANCE = timedelta(minutes=5)
"""By how much clocks may differ."""
_LONGEST_URL = 2000
_LARGEST = 16 << 10
"""Bytes of an answer: with one full of certificates that are not asked for it takes some 4 ms to read."""
_STATUSES: dict[ocsp.OCSPCertStatus, Status] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a certificate: `issuer` has signed it, `responder` is the URL that it names, "" for none."""

    request: ocsp.OCSPRequest
    issuer: x509.Certificate
    responder: str

    @property
    def body(self) -> bytes:
        """What is sent."""
        return self.request.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says of the certificate, and for how many seconds it holds."""

    status: Status
    seconds: float


def question(leaf: bytes, signers: Iterable[bytes]) -> Question:
    """Return what is to be asked about a certificate; one of `signers` must have signed it. All are DER.

    Raise Undecided if nobody can be asked.
    """
    if not leaf:
        raise Undecided("a proxy has handed on no more than the hash of the certificate")
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        issuer = _issuer(certificate, signers)
        made = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - a name only
        return Question(made.build(), issuer, _responder(certificate))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Undecided(f"the certificate cannot be read: {error}") from None


def _issuer(certificate: x509.Certificate, signers: Iterable[bytes]) -> x509.Certificate:
    for der in signers:
        with suppress(ValueError):  # one that cannot be read says nothing of the others
            signer = x509.load_der_x509_certificate(der)
            if _has_signed(signer, certificate):
                return signer
    raise Undecided("the certificate of the authority that signed it is not known: name it in client_authority")


def _has_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(signer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _responder(certificate: x509.Certificate) -> str:
    """Return the first responder that a certificate names and that can be asked by HTTP."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ""
    for each in named:
        place = each.access_location
        is_url = isinstance(place, x509.UniformResourceIdentifier)
        if each.access_method == AuthorityInformationAccessOID.OCSP and is_url and _can_be_asked(place.value):
            return str(place.value)
    return ""


def _can_be_asked(url: str) -> bool:
    """Whether a URL may stand in a request as it is."""
    is_plain = len(url) <= _LONGEST_URL and url.isascii() and url.isprintable() and not {" ", "@"} & set(url)
    return is_plain and urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)


def said(asked: Question, status: int, body: bytes, now: datetime) -> Said:
    """Return what an answer says: an HTTP status and DER. Raise Undecided for one that does not count."""
    if status != 200:
        raise Undecided(f"answered {status}")
    if len(body) > _LARGEST:
        raise Undecided(f"gave an answer of more than {_LARGEST} bytes")
    try:
        answer = ocsp.load_der_ocsp_response(body)
        if answer.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Undecided(f"answered {answer.response_status.name.lower()}")
        _verify(answer, asked.issuer, now)
        single = next((each for each in answer.responses if _is_about(each, asked.request)), None)
        if single is None:
            raise Undecided("answered about another certificate")
        begin = single.this_update_utc
        end = single.next_update_utc or begin  # RFC 6960 section 4.2.2.1: without one there may be news at any time
        if begin > now + _TOLERANCE or end < now - _TOLERANCE:
            raise Undecided(f"gave an answer that does not hold now: from {begin.isoformat()} to {end.isoformat()}")
        return Said(_STATUSES[single.certificate_status], (end - now).total_seconds())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Undecided("gave an answer that cannot be read") from None
    except InvalidSignature:
        raise Undecided("gave an answer whose signature is not right") from None


def _is_about(single: ocsp.OCSPSingleResponse, request: ocsp.OCSPRequest) -> bool:
    return (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) == (
        request.serial_number,
        request.issuer_name_hash,
        request.issuer_key_hash,
    )


def _verify(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """Raise Undecided or InvalidSignature unless the issuer has signed an answer, or whom it has named for that."""
    signer = next((each for each in (issuer, *answer.certificates) if _is_named(each, answer)), None)
    if signer is None:
        raise Undecided("gave an answer without the certificate of who signed it")
    if signer is not issuer:
        _may_sign(signer, issuer, now)
    digest, key = answer.signature_hash_algorithm, signer.public_key()
    if not isinstance(digest, _DIGESTS) or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Undecided("gave an answer whose signature is of another kind than RSA or ECDSA with SHA-2")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
    else:
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))


def _is_named(certificate: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    """Whether a certificate is that of who says to have signed an answer."""
    if answer.responder_name is not None:
        return answer.responder_name == certificate.subject
    return answer.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _may_sign(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    """Raise Undecided unless the issuer lets another sign in its place (RFC 6960 section 4.2.2.2), now."""
    if not _has_signed(issuer, signer):
        raise Undecided("gave an answer that is signed by a stranger")
    usages = (each.value for each in signer.extensions if isinstance(each.value, x509.ExtendedKeyUsage))
    if not any(ExtendedKeyUsageOID.OCSP_SIGNING in usage for usage in usages):
        raise Undecided("gave an answer that is signed by a certificate that is not for that (OCSPSigning)")
    if not signer.not_valid_before_utc - _TOLERANCE <= now <= signer.not_valid_after_utc + _TOLERANCE:
        raise Undecided("gave an answer that is signed by a certificate that does not hold now")
