"""Close codes: the numbers of the registry."""

from __future__ import annotations

import pytest
from websockets.frames import CloseCode

from voltgate.ocpp import close_codes


@pytest.mark.parametrize(
    ("code", "registered"),
    [
        (close_codes.NORMAL, CloseCode.NORMAL_CLOSURE),
        (close_codes.GOING_AWAY, CloseCode.GOING_AWAY),
        (close_codes.PROTOCOL_ERROR, CloseCode.PROTOCOL_ERROR),
        (close_codes.UNSUPPORTED, CloseCode.UNSUPPORTED_DATA),
        (close_codes.NO_CODE, CloseCode.NO_STATUS_RCVD),
        (close_codes.NO_CLOSE, CloseCode.ABNORMAL_CLOSURE),
        (close_codes.BAD_DATA, CloseCode.INVALID_DATA),
        (close_codes.POLICY, CloseCode.POLICY_VIOLATION),
        (close_codes.TOO_BIG, CloseCode.MESSAGE_TOO_BIG),
        (close_codes.INTERNAL, CloseCode.INTERNAL_ERROR),
        (close_codes.TRY_AGAIN, CloseCode.TRY_AGAIN_LATER),
    ],
)
def test_the_numbers(code: int, registered: CloseCode) -> None:
    """Each name stands for the number that IANA's registry gives it."""
    assert code == registered
