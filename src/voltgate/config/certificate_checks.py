"""Checks of certificates: whether each pair can be loaded, and if not, which of its files is why; and of their ends."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path as File

from voltgate.config.certificates import certificates, span_of
from voltgate.config.draft import Draft, Finding
from voltgate.config.lines import Path

_PRIVATE, _CERTIFICATE = b"PRIVATE KEY-----", b"-----BEGIN CERTIFICATE-----"


def check_ends(draft: Draft) -> Iterator[Finding]:
    """Warn of what has ended, is not valid yet, or ends so soon that the gateway tells of it at once.

    Lists of what is revoked are made anew all the time: only one that does not hold now is worth a word.
    """
    now, soon = datetime.now(UTC), timedelta(days=max(draft.config.alerts.thresholds.certificate_days))
    for each in certificates(draft.config):
        with suppress(OSError, ValueError):
            begin, end = span_of(each.file.read_bytes(), any_will_do=each.any_will_do)
            if end <= now:
                yield Finding(each.path, f"{each.file} has ended, on {_day(end)}: renew it", warning=True)
            elif begin > now:
                message = (
                    f"{each.file} is not valid before {_day(begin)}; if it should be, look at this machine's clock"
                )
                yield Finding(each.path, message, warning=True)
            elif end - now <= soon and each.path[-1] != "revocation_lists":
                yield Finding(each.path, f"{each.file} ends soon, on {_day(end)}: renew it", warning=True)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def check_pair(path: Path, certificate: File, key: File) -> Iterator[Finding]:
    """Check a certificate with its key by loading them as the listener will."""
    for name, file in (("certificate", certificate), ("key", key)):
        if (problem := unreadable(file)) is not None:
            yield Finding((*path, name), problem)
            return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        name, message = _why(certificate, key, error)
        yield Finding((*path, name), message)


def _no_passphrase() -> str:
    return ""


def unreadable(file: File) -> str | None:
    """Return why a file cannot be read; None if it can."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return f"cannot read {file}: {error.strerror}"
    return None


def _why(certificate: File, key: File, error: ssl.SSLError) -> tuple[str, str]:
    """Return which of the two it is that they cannot be loaded, and why, with what to do."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - large, and few need it
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    shown, secret = certificate.read_bytes(), key.read_bytes()
    try:
        certified = load_pem_x509_certificate(shown)
    except ValueError:
        return "certificate", f"{certificate} {_instead_of_certificate(shown, certificate)}"
    if b"ENCRYPTED" in secret:
        return "key", f"{key} has a passphrase, and nobody can type it here; without: openssl pkey -in {key} -out NEW"
    try:
        private = load_pem_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "key", f"{key} {_instead_of_key(secret, key)}"
    with suppress(ValueError, UnsupportedAlgorithm):
        if private.public_key() != certified.public_key():
            return "key", f"{key} does not belong to the certificate {certificate}"
    return "certificate", f"{certificate} is not usable with {key}: {error.reason or error}"


def _instead_of_certificate(held: bytes, file: File) -> str:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - large, and few need it

    if _PRIVATE in held:
        return "holds a private key and no certificate: are certificate and key swapped?"
    with suppress(ValueError):
        load_der_x509_certificate(held)
        return f"is DER; as PEM: openssl x509 -inform DER -in {file} -out NEW"
    return "holds no certificate in PEM"


def _instead_of_key(held: bytes, file: File) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - large, and few need it
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415

    if _CERTIFICATE in held and _PRIVATE not in held:
        return "holds a certificate and no private key"
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        load_der_private_key(held, None)
        return f"is DER; as PEM: openssl pkey -inform DER -in {file} -out NEW"
    return "holds no private key in PEM"
