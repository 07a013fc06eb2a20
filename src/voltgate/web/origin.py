"""Where a station came from: by which carrier, in which version, and from which address, as the API shows it."""

from __future__ import annotations

from typing import cast

from voltgate.relay.session import Session
from voltgate.web import models


def carrier_of(session: Session) -> models.Carrier:
    """Return the name of the carrier that a station came by."""
    context = session.dial_context
    return "websocket" if context is None else cast(models.Carrier, context.carrier)


def version_of(session: Session) -> str:
    """Return which version of OCPP a station itself speaks."""
    context = session.dial_context
    return (context.speaks if context is not None else "") or session.dialect.version


def address_of(session: Session) -> str:
    """Return the address that a station came from; "" while it has not come by itself."""
    return "" if session.dial_context is None else session.dial_context.address
