"""What happens to certificates, as values: those of stations, and those that the configuration names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """The certificate of a station was not accepted in the TLS handshake. Which station it was nobody has heard."""

    listener: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateUnasked:
    """Nobody could say whether the certificate of a station was revoked (OCSP), and it may come in all the same."""

    listener: str
    address: str
    station: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateExpiring:
    """The certificate of `name` ends in `days`, `at` (ISO 8601), or has ended: told of at `reminder` days, or fewer."""

    name: str
    at: str
    days: float
    reminder: int


@dataclass(frozen=True, slots=True)
class CertificateRenewed:
    """A certificate that was about to end was replaced. `at` is the end of the new one."""

    name: str
    at: str
