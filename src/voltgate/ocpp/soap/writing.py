"""Writing envelopes: requests, responses and faults as the samples of OCPP-S have them.

Every value is escaped here; a body is what `codec.encode` gave. A header whose value is "" is left out.
"""

from __future__ import annotations

from voltgate.ocpp.soap.elements import escaped
from voltgate.ocpp.soap.faults import Fault
from voltgate.ocpp.soap.names import ADDRESSING, ANONYMOUS, FAULT_ACTION, SOAP, SUBCODES, Service, Version, namespace
from voltgate.ocpp.soap.operations import wsa_action

CONTENT_TYPE = "application/soap+xml; charset=utf-8"

_START = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{ADDRESSING}"><soap:Header>'
)
_MUST = ' soap:mustUnderstand="true"'


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
) -> bytes:
    """Write a request of either direction. `sender` is where the caller itself listens."""
    tag = f'o:chargeBoxIdentity xmlns:o="{namespace(version, service)}"{_MUST}'
    head = (
        f"<{tag}>{escaped(identity)}</o:chargeBoxIdentity>"
        f"<wsa:Action{_MUST}>{wsa_action(version, service, operation, 'request')}</wsa:Action>"
        f"<wsa:MessageID>{escaped(message_id)}</wsa:MessageID>"
        f"{_endpoint('From', sender)}{_endpoint('ReplyTo', reply_to, _MUST)}"
        f"<wsa:To{_MUST}>{escaped(to)}</wsa:To>"
    )
    return _envelope(head, body)


def response(
    version: Version,
    service: Service,
    operation: str,
    body: str,
    *,
    message_id: str,
    relates_to: str,
    to: str = ANONYMOUS,
) -> bytes:
    """Write the answer to the request whose MessageID was `relates_to`."""
    action = wsa_action(version, service, operation, "response")
    return _envelope(_answer(action, message_id, relates_to, to), body)


def fault(version: Version, said: Fault, *, message_id: str, relates_to: str, to: str = ANONYMOUS) -> bytes:
    """Write a fault; its subcode stands in the namespace that the version has for subcodes."""
    subcode = (
        f'<soap:Subcode><soap:Value xmlns:e="{SUBCODES[version]}">e:{escaped(said.subcode)}</soap:Value></soap:Subcode>'
        if said.subcode
        else ""
    )
    body = (
        f"<soap:Fault><soap:Code><soap:Value>soap:{escaped(said.role)}</soap:Value>{subcode}</soap:Code>"
        f'<soap:Reason><soap:Text xml:lang="en">{escaped(said.reason)}</soap:Text></soap:Reason></soap:Fault>'
    )
    return _envelope(_answer(FAULT_ACTION, message_id, relates_to, to), body)


def _answer(action: str, message_id: str, relates_to: str, to: str) -> str:
    related = f"<wsa:RelatesTo>{escaped(relates_to)}</wsa:RelatesTo>" if relates_to else ""
    return (
        f"<wsa:Action{_MUST}>{action}</wsa:Action><wsa:MessageID>{escaped(message_id)}</wsa:MessageID>"
        f"<wsa:To{_MUST}>{escaped(to)}</wsa:To>{related}"
    )


def _endpoint(name: str, address: str, must: str = "") -> str:
    return f"<wsa:{name}{must}><wsa:Address>{escaped(address)}</wsa:Address></wsa:{name}>" if address else ""


def _envelope(head: str, body: str) -> bytes:
    return f"{_START}{head}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>".encode()
