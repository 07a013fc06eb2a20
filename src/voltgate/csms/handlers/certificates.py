"""Certificates: what a station wants signed, and what it wants to know of others' certificates.

Nobody here can say anything of the certificates of others: a station is told that, in the words
that the specification has for it. Source: 1.6 security whitepaper; 2.x Part 2, A02, A03, M01, M02, M06.
"""

from __future__ import annotations

from typing import Any

import msgspec

from voltgate.csms.admission import hold_to_form
from voltgate.csms.handlers.notes import keep_note, no_authority
from voltgate.csms.handling import Handling
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.ocpp.times import stamp

CHARGING_STATION = "ChargingStationCertificate"
"""The kind that is meant where none is named."""


def signing_needs(said: Said, needs: Needs) -> None:
    """Read what waits, and have a number."""
    needs.signing.add(said.station)
    needs.numbers += 1


def sign(handling: Handling) -> dict[str, Any]:
    """Answer a SignCertificate: it is kept for whoever signs it, in place of one of its kind that waits."""
    said = handling.said
    request = handling.signing(said.text("certificateType") or CHARGING_STATION)
    root = said.fields.get("hashRootCertificate")
    if request.csr != said.text("csr"):
        request.csr, request.at = said.text("csr"), said.now
    request.request = said.whole("requestId")
    request.root = b"" if root is None else msgspec.json.encode(root)
    handling.put(request)
    return {"status": "Accepted"}


def contract(handling: Handling) -> dict[str, Any]:
    """Answer a Get15118EVCertificate."""
    keep_note(handling)
    return no_authority(exiResponse="")


def status(handling: Handling) -> dict[str, Any]:
    """Answer a GetCertificateStatus."""
    return no_authority()


def chain_status(handling: Handling) -> dict[str, Any]:
    """Answer a GetCertificateChainStatus."""
    hold_to_form(handling)
    asked = handling.said.objects("certificateStatusRequests")
    return {"certificateStatus": [_unknown(each, handling.said.now) for each in asked]}


def _unknown(asked: dict[str, Any], now: float) -> dict[str, Any]:
    same = {name: asked[name] for name in ("certificateHashData", "source")}
    return same | {"status": "Failed", "nextUpdate": stamp(now)}
