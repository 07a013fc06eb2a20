"""The names of OCPP-S: versions, the two services, and the namespaces of OCPP, SOAP and WS-Addressing."""

from __future__ import annotations

from typing import Literal, TypeAlias

Version: TypeAlias = Literal["1.2", "1.5", "1.6"]
Service: TypeAlias = Literal["Cs", "Cp"]
"""The service of the central system, which stations call, and of the charge point, which backends call."""
Kind: TypeAlias = Literal["request", "response", "fault"]
Edition: TypeAlias = Literal["1.1", "1.2"]
"""The edition of SOAP itself: OCPP-S specifies 1.2, but some stations send 1.1 (SO-14)."""

VERSIONS: tuple[Version, ...] = ("1.2", "1.5", "1.6")
SERVICES: tuple[Service, ...] = ("Cs", "Cp")

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
EDITIONS: dict[str, Edition] = {SOAP: "1.2", SOAP_11: "1.1"}
ADDRESSING = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{ADDRESSING}/anonymous"
"""The address of a caller that waits for the response on the connection of its request."""
FAULT_ACTION = f"{ADDRESSING}/soap/fault"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

_DATES = {"1.2": "2010/08", "1.5": "2012/06", "1.6": "2015/10"}

SUBCODES: dict[Version, str] = {
    "1.2": "urn://Ocpp/2010/08/",
    "1.5": "urn://Ocpp/2012/02/",
    "1.6": "urn://Ocpp/Cs/2015/10/",
}
"""The namespace of a fault's subcodes."""

SUBCODE_VERSIONS: dict[str, Version] = {spelling.removesuffix("/"): version for version, spelling in SUBCODES.items()}
"""The version of each of these namespaces, without the final slash, which the text of 1.6 omits here as well."""


def namespace(version: Version, service: Service) -> str:
    """Return the namespace of a service as its WSDL spells it."""
    return f"urn://Ocpp/{service}/{_DATES[version]}/"


SPELLINGS: dict[str, tuple[Version, Service]] = {
    spelling: (version, service)
    for version in VERSIONS
    for service in SERVICES
    for spelling in (namespace(version, service), namespace(version, service).removesuffix("/"))
}
"""The service of each namespace. The text of OCPP-S 1.6 omits the final slash: both spellings are accepted (SO-02)."""
