"""Whom a certificate names, the common name and the organizations of its subject, and when it ends.

Source: RFC 5280 section 4.1, in the encoding of X.690 (DER). Nothing is verified here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

_COMMON_NAME, _ORGANIZATION = bytes.fromhex("550403"), bytes.fromhex("55040a")
_SET, _VERSION, _BMP, _UTC_TIME = 0x31, 0xA0, 0x1E, 0x17
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def named_by(pem: str, fingerprint: str) -> tuple[str, tuple[str, ...]]:
    """Return common name and organizations of a certificate; `fingerprint` is its SHA-256 in base64, URL-safe or not.

    Raise ValueError for what is no certificate, and for another one than that.
    """
    start, end = pem.find(_BEGIN), pem.find(_END)
    if not 0 <= start < end:
        raise ValueError("sent no certificate in PEM")
    try:
        der = base64.b64decode("".join(pem[start + len(_BEGIN) : end].split()), validate=True)
    except binascii.Error:
        raise ValueError("sent no certificate in PEM") from None
    if base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode() != url_safe(fingerprint):
        raise ValueError("sent another certificate than was asked for")
    try:
        return _names_in(der)
    except (IndexError, ValueError):
        raise ValueError("sent a certificate that cannot be read") from None


def read(der: bytes) -> tuple[str, tuple[str, ...], float]:
    """Return common name, organizations and end (seconds since 1970) of a certificate. Raise ValueError."""
    try:
        return *_names_in(der), _end_of(der)
    except (IndexError, ValueError):
        raise ValueError("a certificate that cannot be read") from None


def _names_in(der: bytes) -> tuple[str, tuple[str, ...]]:
    pairs = list(_subject(der))
    names = [value for oid, value in pairs if oid == _COMMON_NAME]
    return names[-1] if names else "", tuple(value for oid, value in pairs if oid == _ORGANIZATION)


def _end_of(der: bytes) -> float:
    """Return when a certificate ends. The two times are UTCTime, of the years 1950 to 2049, or GeneralizedTime."""
    _, (kind, text) = _elements(_fields(der)[3])
    digits = text.decode("ascii")
    if kind == _UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def url_safe(fingerprint: str) -> str:
    """Return a fingerprint in the alphabet that may stand in a URL, without padding."""
    return fingerprint.rstrip("=").replace("+", "-").replace("/", "_")


def _subject(der: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the attributes of the subject. Raise IndexError, UnicodeDecodeError or ValueError."""
    for tag, relative in _elements(_fields(der)[4]):
        for _, pair in _elements(relative) if tag == _SET else ():
            (_, oid), (kind, text) = _elements(pair)
            yield oid, text.decode("utf-16-be" if kind == _BMP else "utf-8")


def _fields(der: bytes) -> list[bytes]:
    """Return what is signed: serial number, algorithm, issuer, validity, subject, and more. Raise as `_subject`."""
    ((_, certificate),) = _elements(der)
    (_, signed), *_ = _elements(certificate)
    return [content for tag, content in _elements(signed) if tag != _VERSION]


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return the elements that stand one after the other: the tag and the content of each."""
    found, at = [], 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 128:
            octets = length - 128
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + length > len(data):
            raise IndexError("cut off")
        found.append((tag, data[at : at + length]))
        at += length
    return found
