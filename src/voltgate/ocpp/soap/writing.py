"""Writing envelopes: requests, responses and faults as the samples of OCPP-S have them.

Every value is escaped here; a body is what `codec.encode` returned. A header whose value is "" is left out.
"""

from __future__ import annotations

from voltgate.ocpp.soap.elements import escaped
from voltgate.ocpp.soap.faults import Fault, code_11
from voltgate.ocpp.soap.names import (
    ADDRESSING,
    ANONYMOUS,
    EDITIONS,
    FAULT_ACTION,
    SUBCODES,
    Edition,
    Service,
    Version,
    namespace,
)
from voltgate.ocpp.soap.operations import wsa_action

CONTENT_TYPES: dict[Edition, str] = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}
"""The media type of each edition (SOAP 1.1 section 6, SOAP 1.2 part 2 section 7)."""

CONTENT_TYPE = CONTENT_TYPES["1.2"]
"""The media type of the edition that OCPP-S is specified for."""

_STARTS: dict[Edition, str] = {
    edition: f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{space}" xmlns:wsa="{ADDRESSING}">'
    "<soap:Header>"
    for space, edition in EDITIONS.items()
}
_MUSTS: dict[Edition, str] = {"1.1": ' soap:mustUnderstand="1"', "1.2": ' soap:mustUnderstand="true"'}


def request(
    version: Version,
    service: Service,
    operation: str,
    body: str,
    *,
    identity: str,
    message_id: str,
    to: str,
    sender: str = "",
    reply_to: str = ANONYMOUS,
    edition: Edition = "1.2",
) -> bytes:
    """Return a request of either direction. `sender` is the address on which the caller itself listens."""
    must = _MUSTS[edition]
    tag = f'o:chargeBoxIdentity xmlns:o="{namespace(version, service)}"{must}'
    head = (
        f"<{tag}>{escaped(identity)}</o:chargeBoxIdentity>"
        f"<wsa:Action{must}>{wsa_action(version, service, operation, 'request')}</wsa:Action>"
        f"<wsa:MessageID>{escaped(message_id)}</wsa:MessageID>"
        f"{_endpoint('From', sender)}{_endpoint('ReplyTo', reply_to, must)}"
        f"<wsa:To{must}>{escaped(to)}</wsa:To>"
    )
    return _envelope(edition, head, body)


def response(
    version: Version,
    service: Service,
    operation: str,
    body: str,
    *,
    message_id: str,
    relates_to: str,
    to: str = ANONYMOUS,
    edition: Edition = "1.2",
) -> bytes:
    """Return the response to the request whose MessageID was `relates_to`."""
    action = wsa_action(version, service, operation, "response")
    return _envelope(edition, _answer(edition, action, message_id, relates_to, to), body)


def fault(
    version: Version,
    said: Fault,
    *,
    message_id: str,
    relates_to: str,
    to: str = ANONYMOUS,
    edition: Edition = "1.2",
) -> bytes:
    """Return a fault, with its subcode in the namespace that the version has for subcodes."""
    body = _fault_11(said) if edition == "1.1" else _fault(version, said)
    return _envelope(edition, _answer(edition, FAULT_ACTION, message_id, relates_to, to), body)


def _fault_11(said: Fault) -> str:
    return (
        f"<soap:Fault><faultcode>soap:{escaped(code_11(said))}</faultcode>"
        f'<faultstring xml:lang="en">{escaped(said.reason)}</faultstring></soap:Fault>'
    )


def _fault(version: Version, said: Fault) -> str:
    subcode = (
        f'<soap:Subcode><soap:Value xmlns:e="{SUBCODES[version]}">e:{escaped(said.subcode)}</soap:Value></soap:Subcode>'
        if said.subcode
        else ""
    )
    return (
        f"<soap:Fault><soap:Code><soap:Value>soap:{escaped(said.role)}</soap:Value>{subcode}</soap:Code>"
        f'<soap:Reason><soap:Text xml:lang="en">{escaped(said.reason)}</soap:Text></soap:Reason></soap:Fault>'
    )


def _answer(edition: Edition, action: str, message_id: str, relates_to: str, to: str) -> str:
    must = _MUSTS[edition]
    related = f"<wsa:RelatesTo>{escaped(relates_to)}</wsa:RelatesTo>" if relates_to else ""
    return (
        f"<wsa:Action{must}>{action}</wsa:Action><wsa:MessageID>{escaped(message_id)}</wsa:MessageID>"
        f"<wsa:To{must}>{escaped(to)}</wsa:To>{related}"
    )


def _endpoint(name: str, address: str, must: str = "") -> str:
    return f"<wsa:{name}{must}><wsa:Address>{escaped(address)}</wsa:Address></wsa:{name}>" if address else ""


def _envelope(edition: Edition, head: str, body: str) -> bytes:
    return f"{_STARTS[edition]}{head}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>".encode()
