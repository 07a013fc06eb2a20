"""Where a station came from: by which carrier, and from which address, as the API shows it."""

from __future__ import annotations

from typing import cast

from voltgate import versions
from voltgate.relay.session import Session
from voltgate.web import models


def carrier_of(session: Session) -> models.Carrier:
    """Return the name of the carrier that a station came by."""
    return cast(models.Carrier, versions.carrier_of(session))


def address_of(session: Session) -> str:
    """Return the address that a station came from; "" while it has not come by itself."""
    return "" if session.dial_context is None else session.dial_context.address
