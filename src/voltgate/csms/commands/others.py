"""Commands that belong to nothing else: data transfer, customer information, network profiles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from voltgate.csms.commands.asking import Plan, Step
from voltgate.csms.commands.certificates import HashData
from voltgate.csms.commands.idtokens import Kind, id_token
from voltgate.csms.commands.outcome import Fields, Outcome, by_status, following
from voltgate.csms.commands.parameters import Address, Id, Parameters, Seconds, Word, given
from voltgate.csms.commands.target import Target, Unsupported


class DataTransfer(Parameters, frozen=True):
    """Send a maker's own message. `data` is text, or any JSON, which 1.x is sent as text."""

    vendor: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    message: Word = ""
    data: Any = None


def data_transfer(target: Target, wanted: DataTransfer) -> Plan:
    """Plan a DataTransfer. The station's own data is in the result."""
    data = wanted.data
    if data is not None and not isinstance(data, str) and not target.modern:
        data = msgspec.json.encode(data).decode()
    payload = {"vendorId": wanted.vendor, **given(messageId=wanted.message)}
    return Step("DataTransfer", payload if data is None else {**payload, "data": data}, _transferred)


def _transferred(fields: Fields) -> Outcome:
    return by_status(fields, {"data": fields["data"]} if "data" in fields else {})


class CustomerInformation(Parameters, frozen=True):
    """Let the station report or clear what it keeps of a customer: named by an identifier, token or certificate."""

    report: bool = True
    clear: bool = False
    customer: Annotated[str, msgspec.Meta(max_length=64)] = ""
    token: Annotated[str, msgspec.Meta(max_length=255)] = ""
    kind: Kind = ""
    certificate: HashData | None = None
    id: Id = 0


def customer_information(target: Target, wanted: CustomerInformation) -> Plan:
    """Plan a CustomerInformation."""
    if len(given(customer=wanted.customer, token=wanted.token, certificate=wanted.certificate)) != 1:
        raise Unsupported("Name the customer in one way: by an identifier, a token or a certificate (N09.FR.09)")
    request = wanted.id or target.number
    payload = given(
        requestId=request,
        report=wanted.report,
        clear=wanted.clear,
        customerIdentifier=wanted.customer,
        idToken=id_token(target, wanted.token, wanted.kind) if wanted.token else None,
        customerCertificate=wanted.certificate and wanted.certificate.fields,
    )
    return Step("CustomerInformation", payload, following("NotifyCustomerInformation", request=request))


class NetworkProfile(Parameters, frozen=True):
    """Store in a slot of the station how it reaches its management system. It is used once the station is told so."""

    slot: Annotated[int, msgspec.Meta(ge=0, le=9999)]
    url: Address
    security_profile: Annotated[int, msgspec.Meta(ge=0, le=3)]
    interface: Literal[
        "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3", "Any"
    ] = "Wired0"
    transport: Literal["JSON", "SOAP"] = "JSON"
    message_seconds: Seconds = 60
    identity: Annotated[str, msgspec.Meta(max_length=48)] = ""
    password: Annotated[str, msgspec.Meta(max_length=64)] = ""


def network_profile(target: Target, wanted: NetworkProfile) -> Plan:
    """Plan a SetNetworkProfile. Identity, password and any interface are 2.1 only."""
    newest = target.since("ocpp2.1")
    if not newest and (wanted.identity or wanted.password or wanted.interface == "Any"):
        raise target.lacks("identity, password or any interface in a network profile", "a profile without these")
    data = given(
        ocppVersion=None if newest else "OCPP20",
        ocppTransport=wanted.transport,
        ocppCsmsUrl=target.must_fit(wanted.url, 512, 512, 2000, "an address"),
        messageTimeout=wanted.message_seconds,
        securityProfile=wanted.security_profile,
        ocppInterface=wanted.interface,
        identity=wanted.identity,
        basicAuthPassword=wanted.password,
    )
    return Step("SetNetworkProfile", {"configurationSlot": wanted.slot, "connectionData": data})
