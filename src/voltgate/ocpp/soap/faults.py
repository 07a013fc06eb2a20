"""Faults: conversion between CALLERRORs and SOAP faults.

Source: OCPP-S 1.6 section 3.3 with its errata ("accept any subcode"); OCPP 1.5 section 8. `Error.code` is spelt as
in 2.x, as everywhere inside Voltgate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from voltgate.ocpp.errors import LONGEST_DESCRIPTION, spell
from voltgate.ocpp.messages import Error

Subcode: TypeAlias = Literal["SecurityError", "IdentityMismatch", "ProtocolError", "InternalError", "NotSupported"]

_SUBCODES: dict[str, Subcode] = {
    "NotImplemented": "NotSupported",
    "NotSupported": "NotSupported",
    "ProtocolError": "ProtocolError",
    "SecurityError": "SecurityError",
    "FormatViolation": "ProtocolError",
    "PropertyConstraintViolation": "ProtocolError",
    "OccurrenceConstraintViolation": "ProtocolError",
    "TypeConstraintViolation": "ProtocolError",
    "RpcFrameworkError": "ProtocolError",
    "MessageTypeNotSupported": "ProtocolError",
}
"""The subcode of each error code; that of any other code is InternalError."""

_CODES = {**{code: code for code in _SUBCODES}, "InternalError": "InternalError", "GenericError": "GenericError"}
_ROLES_11 = {"Client": "Sender", "Server": "Receiver"}
"""The names that SOAP 1.1 has for the roles, and those of 1.2."""
_RECEIVERS = frozenset({"InternalError", "NotSupported"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: its role ("Sender" or "Receiver"), the subcode of OCPP ("" if there is none) and a sentence."""

    role: str
    subcode: str
    reason: str


def fault(subcode: str, reason: str) -> Fault:
    """Return the fault of a subcode, with the role that OCPP assigns to it."""
    return Fault("Receiver" if subcode in _RECEIVERS else "Sender", subcode, reason)


def code_11(fault: Fault) -> str:
    """Return the code of a fault in SOAP 1.1, without prefix: in place of subcodes it has dots (section 4.4.1)."""
    code = next((code for code, role in _ROLES_11.items() if role == fault.role), fault.role)
    return f"{code}.{fault.subcode}" if fault.subcode else code


def fault_11(code: str, reason: str) -> Fault:
    """Return a fault of SOAP 1.1; a code that is not one of SOAP is taken for the subcode of OCPP."""
    first, _, subcode = code.rpartition(":")[2].partition(".")
    role = _ROLES_11.get(first)
    return fault(first, reason) if role is None else Fault(role, subcode, reason)


def fault_of(error: Error) -> Fault:
    """Return a CALLERROR as a fault. A code that is not one of OCPP becomes InternalError."""
    subcode = _SUBCODES.get(spell(error.code, modern=True), "InternalError")
    return fault(subcode, error.description or error.code)


def error_of(fault: Fault) -> Error:
    """Return a fault as a CALLERROR without an id. The code for a subcode that is not of OCPP follows the role."""
    code = _CODES.get(spell(fault.subcode, modern=True))
    if fault.subcode == "IdentityMismatch":
        code = "SecurityError"
    if code is None:
        code = "InternalError" if fault.role == "Receiver" else "GenericError"
    return Error("", code, fault.reason[:LONGEST_DESCRIPTION])
