"""Faults and CALLERRORs."""

from __future__ import annotations

import pytest

from voltgate.ocpp.messages import Error, Reason, Unanswered
from voltgate.ocpp.soap.faults import Fault, error_of, fault, fault_of


@pytest.mark.parametrize(
    ("code", "role", "subcode"),
    [
        ("NotImplemented", "Receiver", "NotSupported"),
        ("NotSupported", "Receiver", "NotSupported"),
        ("InternalError", "Receiver", "InternalError"),
        ("GenericError", "Receiver", "InternalError"),
        ("ProtocolError", "Sender", "ProtocolError"),
        ("SecurityError", "Sender", "SecurityError"),
        ("FormationViolation", "Sender", "ProtocolError"),
        ("FormatViolation", "Sender", "ProtocolError"),
        ("PropertyConstraintViolation", "Sender", "ProtocolError"),
        ("OccurenceConstraintViolation", "Sender", "ProtocolError"),
        ("OccurrenceConstraintViolation", "Sender", "ProtocolError"),
        ("TypeConstraintViolation", "Sender", "ProtocolError"),
        ("SomethingElse", "Receiver", "InternalError"),
    ],
)
def test_errors_as_faults(code: str, role: str, subcode: str) -> None:
    """Every error code is one of OCPP's five subcodes, in every spelling, and keeps its sentence."""
    assert fault_of(Error("1", code, "because")) == Fault(role, subcode, "because")
    assert fault_of(Error("1", code)).reason == code


def test_no_answer_is_a_fault_of_the_receiver() -> None:
    """What nobody answered is a fault of the receiver, so that the station keeps its transaction message."""
    assert fault_of(Unanswered(Reason.TIMED_OUT, "too late")) == Fault("Receiver", "InternalError", "too late")


@pytest.mark.parametrize(
    ("role", "subcode", "code"),
    [
        ("Sender", "SecurityError", "SecurityError"),
        ("Sender", "IdentityMismatch", "SecurityError"),
        ("Sender", "ProtocolError", "ProtocolError"),
        ("Receiver", "InternalError", "InternalError"),
        ("Receiver", "NotSupported", "NotSupported"),
        ("Sender", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("Sender", "", "GenericError"),
        ("MustUnderstand", "", "GenericError"),
        ("Receiver", "", "InternalError"),
        ("Receiver", "Odd", "InternalError"),
    ],
)
def test_faults_as_errors(role: str, subcode: str, code: str) -> None:
    """Every fault is an error, whatever its subcode."""
    error = error_of(Fault(role, subcode, "because"))
    assert (error.id, error.code, error.description) == ("", code, "because")


def test_a_long_reason_is_cut() -> None:
    """An error description has at most 255 characters."""
    assert len(error_of(fault("InternalError", "x" * 300)).description) == 255
