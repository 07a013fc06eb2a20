"""The codec: the body of an envelope converted to the payload of OCPP-J 1.6, and back.

1.6 is converted name for name; how 1.2 and 1.5 differ from it is in `differences`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from voltgate.ocpp.errors import spell
from voltgate.ocpp.schemas import Violation
from voltgate.ocpp.soap import elements
from voltgate.ocpp.soap.differences import ASSUMED, Assumed, newer, nobody_counts, older
from voltgate.ocpp.soap.envelope import Envelope
from voltgate.ocpp.soap.fields import SHAPES
from voltgate.ocpp.soap.names import Service, Version, namespace
from voltgate.ocpp.soap.operations import has
from voltgate.ocpp.soap.unfit import NoCounterpart, NoWord, Unfit

__all__ = ["ASSUMED", "Assumed", "NoCounterpart", "decode", "encode", "encode_json", "nobody_counts"]

Payload = dict[str, Any]


def decode(envelope: Envelope, assumed: Assumed = ASSUMED) -> Payload | Violation:
    """Return the payload of a request or response as OCPP-J 1.6 has it.

    A Violation is returned for an ambiguous body. That required fields are present is left to the schema.
    """
    name = f"{envelope.operation}{envelope.kind.capitalize()}"
    try:
        payload = elements.read(envelope.body, SHAPES[envelope.version][name])
    except Unfit as unfit:
        return _violation(unfit)
    if name == "MeterValuesRequest":
        payload.setdefault("meterValue", [])  # optional in XML, required in JSON
    return payload if envelope.version == "1.6" else newer(envelope.version, name, payload, assumed)


def encode(
    version: Version,
    service: Service,
    operation: str,
    kind: Literal["request", "response"],
    payload: Payload,
    lost: Callable[[], None] = nobody_counts,
) -> str | NoCounterpart | Violation:
    """Return the body for a payload of OCPP-J 1.6, as XML with its own namespace.

    `lost` is called for each sampled value that is left out because an older version could only say it wrongly.

    A NoCounterpart is returned if the version lacks the operation or a value, a Violation if the payload has not the
    shape of the operation.
    """
    if not has(version, service, operation):
        return NoCounterpart(version, operation)
    name = f"{operation}{kind.capitalize()}"
    strict = version != "1.6"
    try:
        said = older(version, name, payload, lost) if strict else payload
        content = elements.write(said, SHAPES[version][name], strict)
    except Unfit as unfit:
        return _violation(unfit)
    except NoWord as word:
        return NoCounterpart(version, f"{operation} with {word}")
    tag = f"{name[0].lower()}{name[1:]}"
    return f'<{tag} xmlns="{namespace(version, service)}">{content}</{tag}>'


def encode_json(
    version: Version,
    service: Service,
    operation: str,
    kind: Literal["request", "response"],
    payload: bytes | msgspec.Raw,
    lost: Callable[[], None] = nobody_counts,
) -> str | NoCounterpart | Violation:
    """Return the body for a payload as it came in JSON, as `encode` does; an unreadable one is a Violation."""
    try:
        fields = msgspec.json.decode(payload)
    except msgspec.DecodeError as error:  # such as 1e400
        return Violation(spell("FormatViolation", modern=False), f"The payload cannot be read: {error}", "")
    return encode(version, service, operation, kind, fields if isinstance(fields, dict) else {}, lost)


def _violation(unfit: Unfit) -> Violation:
    return Violation(spell(unfit.code, modern=False), f"{unfit.path}: {unfit.description}", unfit.path)
