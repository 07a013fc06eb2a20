"""The certificates that a configuration names: which files they are in, and from when until when they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as File

from voltgate.config.lines import Path
from voltgate.config.model import Config

_LIST = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file of certificates, or of lists of what is revoked, by the key at `path`.

    `any_will_do`: it has those that others are trusted by, of which one that holds may be enough.
    """

    path: Path
    file: File
    any_will_do: bool = False


def certificates(config: Config) -> Iterator[CertificateFile]:
    """Yield the files of certificates that a configuration names."""
    listen, oidc = config.listen, config.api.oidc
    for kind, listeners in (("stations", listen.stations), ("soap", listen.soap)):
        for number, listener in enumerate(listeners):
            for pair in listener.pairs:
                key = "certificate" if pair.certificate == listener.certificate else "certificates"
                yield CertificateFile(("listen", kind, number, key), pair.certificate)
    for number, listener in enumerate(listen.stations):
        if listener.client_authority is not None:
            yield CertificateFile(("listen", "stations", number, "client_authority"), listener.client_authority)
        for file in listener.revocation_lists:
            yield CertificateFile(("listen", "stations", number, "revocation_lists"), file)
    if listen.http_tls is not None:
        yield CertificateFile(("listen", "http_tls", "certificate"), listen.http_tls.certificate)
    for name, backend in config.backends.items():
        if backend.certificate is not None:
            yield CertificateFile(("backends", name, "certificate"), backend.certificate)
        if backend.ca is not None:
            yield CertificateFile(("backends", name, "ca"), backend.ca, any_will_do=True)
    if oidc is not None and oidc.ca is not None:
        yield CertificateFile(("api", "oidc", "ca"), oidc.ca, any_will_do=True)
    if config.csms.authority is not None:
        yield CertificateFile(("csms", "authority", "certificate"), config.csms.authority.certificate)


def span_of(pem: bytes, *, any_will_do: bool) -> tuple[datetime, datetime]:
    """Return from when until when all certificates of a file hold, or any, if that `will_do`. Raise ValueError.

    Of lists of what is revoked: from when until when all of them do.
    """
    from cryptography.x509 import load_pem_x509_certificates, load_pem_x509_crl  # noqa: PLC0415 - large, and few need it

    if _LIST in pem:
        lists = [load_pem_x509_crl(_LIST + each) for each in pem.split(_LIST)[1:]]
        ends = [each.next_update_utc for each in lists if each.next_update_utc is not None]
        return max(each.last_update_utc for each in lists), min(ends)
    held = [(each.not_valid_before_utc, each.not_valid_after_utc) for each in load_pem_x509_certificates(pem)]
    begins, ends = [begin for begin, _ in held], [end for _, end in held]
    return (min(begins), max(ends)) if any_will_do else (max(begins), min(ends))
