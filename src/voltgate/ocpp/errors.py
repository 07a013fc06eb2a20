"""Error codes and how each version spells them.

Source: OCPP-J 1.6 section 4.2.3 with its errata section 5 (the misspellings are kept); OCPP 2.1 Part 4 section 4.3.
"""

from __future__ import annotations

_TO_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "GenericError",
    "MessageTypeNotSupported": "GenericError",
}
_TO_2 = {
    "FormationViolation": "FormatViolation",
    "OccurenceConstraintViolation": "OccurrenceConstraintViolation",
}

FINAL = frozenset(
    """
    FormationViolation FormatViolation MessageTypeNotSupported NotImplemented NotSupported OccurenceConstraintViolation
    OccurrenceConstraintViolation PropertyConstraintViolation ProtocolError RpcFrameworkError TypeConstraintViolation
    """.split()
)
"""What is said of a message that will never be taken (OCPP-J 1.6 section 4.2.3; 2.x Part 4 section 4.3)."""
LONGEST_DESCRIPTION = 255
"""Characters of an error description (2.1 Part 4 section 4.2.3)."""


def spell(code: str, *, modern: bool) -> str:
    """Return an error code as 2.x (`modern`) or 1.x spells it; a code that differs in neither is returned unchanged."""
    return (_TO_2 if modern else _TO_16).get(code, code)
