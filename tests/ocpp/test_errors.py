"""Error codes and how each version spells them (FR-22 to FR-24)."""

from __future__ import annotations

import pytest

from voltgate.ocpp.errors import spell

OF_16 = set(
    """NotImplemented NotSupported InternalError ProtocolError SecurityError FormationViolation
    PropertyConstraintViolation OccurenceConstraintViolation TypeConstraintViolation GenericError""".split()
)
OF_2 = set(
    """FormatViolation GenericError InternalError MessageTypeNotSupported NotImplemented NotSupported
    OccurrenceConstraintViolation PropertyConstraintViolation ProtocolError RpcFrameworkError SecurityError
    TypeConstraintViolation""".split()
)


@pytest.mark.parametrize("code", sorted(OF_16 | OF_2))
def test_every_code_can_be_said_in_every_version(code: str) -> None:
    """A code of one version becomes one that the other knows."""
    assert spell(code, modern=False) in OF_16
    assert spell(code, modern=True) in OF_2


@pytest.mark.parametrize("code", sorted(OF_16))
def test_16_keeps_its_own(code: str) -> None:
    """A code of 1.6 stays itself in 1.6, misspelt or not."""
    assert spell(code, modern=False) == code


@pytest.mark.parametrize("code", sorted(OF_2))
def test_2_keeps_its_own(code: str) -> None:
    """A code of 2.x stays itself in 2.x."""
    assert spell(code, modern=True) == code


def test_unknown_codes_are_kept() -> None:
    """A code that no version knows is passed on."""
    assert {spell("VendorError", modern=modern) for modern in (True, False)} == {"VendorError"}
