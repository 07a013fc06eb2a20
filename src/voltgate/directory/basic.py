"""HTTP Basic as stations use it: on bytes, since the key of a 1.6 station need not be text.

Source: RFC 7617; OCPP-J 1.6 section 6.2; 1.6 security whitepaper A00.FR.204 and .205; 2.1 Part 2 A00.FR.204 to .207.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Collection

_HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
"""An AuthorizationKey: 16 to 20 bytes as hex digits."""


def credentials_of(header: bytes) -> bytes | None:
    """Return the decoded value of an Authorization header; None if it is not well-formed Basic."""
    scheme, _, token = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return binascii.a2b_base64(token.strip(), strict_mode=True)
    except binascii.Error:
        return None


def secret_of(credentials: bytes, identity: str, *, case_sensitive: bool = False) -> bytes | None:
    """Return what follows `identity:`; None if the user name is another one.

    The identity is removed as a whole: it is known, whereas the key may contain any byte, colons too.
    """
    name = identity.encode()
    claimed, rest = credentials[: len(name)], credentials[len(name) :]
    if not rest.startswith(b":") or not _same_name(claimed, name, case_sensitive):
        return None
    return rest[1:]


def _same_name(claimed: bytes, name: bytes, case_sensitive: bool) -> bool:
    return claimed == name if case_sensitive else claimed.lower() == name.lower()  # of bytes: the letters of ASCII


def matches(secret: bytes, password: str, spellings: Collection[str]) -> bool:
    """Return whether a station sent its password in one of `spellings`; compared in constant time."""
    equal = "hex" in spellings and _same_digits(secret, password.encode())
    for spelt in _spelt(password, spellings):
        equal |= hmac.compare_digest(secret, spelt)
    return equal


def _same_digits(secret: bytes, text: bytes) -> bool:
    """Return whether both are the same hex digits, without regard to case."""
    return _HEX_KEY.fullmatch(text) is not None and hmac.compare_digest(secret.lower(), text.lower())


def _spelt(password: str, spellings: Collection[str]) -> list[bytes]:
    text = password.encode()
    forms = [text] if "text" in spellings else []
    if "bytes" in spellings and _HEX_KEY.fullmatch(text):
        forms.append(binascii.unhexlify(text))
    return forms


def readings(secret: bytes, spellings: Collection[str]) -> list[bytes]:
    """Return what a hash may have been made from if `secret` is right: itself first, then its other spellings."""
    found = [secret] if "text" in spellings else []
    if "bytes" in spellings and 16 <= len(secret) <= 20:
        digits = binascii.hexlify(secret)
        found += [digits.upper(), digits, secret]
    if "hex" in spellings and _HEX_KEY.fullmatch(secret):
        found += [secret, secret.upper(), secret.lower(), binascii.unhexlify(secret)]
    return list(dict.fromkeys(found))
