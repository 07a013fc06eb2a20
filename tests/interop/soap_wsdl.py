"""WSDLs for the SOAP stacks of others, made from the field lists of OCPP-S: document/literal, SOAP 1.2, `/Operation`.

The WSDLs of OCPP itself may not be passed on; these say the same of the messages, in words of our own.
"""

from __future__ import annotations

from pathlib import Path

from tests.ocpp.soap_bodies import SERVICES, schema_text, service_of

IDENTITY = "chargeBoxIdentity"

_HEAD = (
    '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:wsam="http://www.w3.org/2007/05/addressing/metadata"'
)


def operations(version: str, service: str) -> list[str]:
    """List the operations of a service, as its field lists have them."""
    return [name.removesuffix("Request") for name in service_of(version, service)["types"] if name.endswith("Request")]


def wsdl(version: str, service: str, url: str = "http://127.0.0.1:1/") -> str:
    """Write the WSDL of a service that listens at `url`."""
    names = operations(version, service)
    namespace, name = service_of(version, service)["namespace"], SERVICES[service]
    messages = "".join(_message(f"{each}{kind}") for each in names for kind in ("Request", "Response"))
    return (
        f'{_HEAD} xmlns:t="{namespace}" targetNamespace="{namespace}">'
        f"<w:types>{_schema(version, service)}</w:types>"
        f'<w:message name="Header"><w:part name="{IDENTITY}" element="t:{IDENTITY}"/></w:message>{messages}'
        f'<w:portType name="{name}">{"".join(map(_abstract, names))}</w:portType>'
        f'<w:binding name="{name}Binding" type="t:{name}">'
        '<soap12:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f"{''.join(map(_bound, names))}</w:binding>"
        f'<w:service name="{name}"><w:port name="{name}Port" binding="t:{name}Binding">'
        f'<soap12:address location="{url}"/></w:port></w:service></w:definitions>'
    )


def written(folder: Path, version: str, service: str, url: str = "http://127.0.0.1:1/") -> Path:
    """Put a WSDL into a file, where the stacks want it."""
    path = folder / f"{service}-{version}.wsdl"
    path.write_text(wsdl(version, service, url), encoding="utf-8")
    return path


def element(name: str) -> str:
    """Give the element of a message type: BootNotificationRequest is bootNotificationRequest."""
    return f"{name[0].lower()}{name[1:]}"


def _schema(version: str, service: str) -> str:
    header = f'<xs:element name="{IDENTITY}" type="xs:string"/>'
    return schema_text(version, service).replace("</xs:schema>", f"{header}</xs:schema>")


def _message(name: str) -> str:
    return f'<w:message name="{name}"><w:part name="parameters" element="t:{element(name)}"/></w:message>'


def _abstract(name: str) -> str:
    return (
        f'<w:operation name="{name}">'
        f'<w:input message="t:{name}Request" wsam:Action="/{name}"/>'
        f'<w:output message="t:{name}Response" wsam:Action="/{name}Response"/></w:operation>'
    )


def _bound(name: str) -> str:
    header = f'<soap12:header message="t:Header" part="{IDENTITY}" use="literal"/>'
    return (
        f'<w:operation name="{name}"><soap12:operation soapAction="/{name}" style="document"/>'
        f'<w:input>{header}<soap12:body use="literal"/></w:input>'
        '<w:output><soap12:body use="literal"/></w:output></w:operation>'
    )
