"""What a backend is told of a station that it is dialled for."""

from __future__ import annotations

import pytest

from voltgate.carriers.introduction import Introduction
from voltgate.relay.carrier import DialContext


@pytest.mark.parametrize(("secure", "told"), [(True, "https"), (False, "http")])
def test_where_a_station_comes_from(secure: bool, told: str) -> None:
    """Its address, the proxies on its way, and whether it came by TLS, in the headers that proxies use."""
    station = DialContext("CP-1", address="192.0.2.7", forwarded_for="192.0.2.7, 198.51.100.1", secure=secure)
    assert Introduction().of(station, answering=False) == [
        ("X-Forwarded-For", "192.0.2.7, 198.51.100.1"),
        ("X-Forwarded-Proto", told),
        ("X-Real-IP", "192.0.2.7"),
    ]
