"""Certificates and when they end, for the API."""

from __future__ import annotations

from voltgate.directory.security import SecurityRecord
from voltgate.web import models
from voltgate.web.queries import Queries
from voltgate.web.times import stamp

MOST = 1000
"""Stations that are listed."""


def show(queries: Queries) -> models.Certificates:
    """List those of the configuration, and of stations those that end within the longest reminder."""
    now = queries.wall()
    ends = queries.certificates()
    soon = sorted(queries.security.ending(now + ends.soon), key=_end)
    return models.Certificates(
        files=[_certificate(name, end, now) for name, end in sorted(ends.files.items(), key=lambda pair: pair[1])],
        stations=[_certificate(each.identity, _end(each), now) for each in soon[:MOST]],
        stations_in_all=len(soon),
    )


def _end(record: SecurityRecord) -> float:
    return record.until or 0.0


def _certificate(name: str, end: float, now: float) -> models.CertificateEnd:
    return models.CertificateEnd(name=name, until=stamp(end), days=round((end - now) / 86400, 2))
