"""Messages that a carrier brings in a form of its own, and that may go on in that form."""

from __future__ import annotations

from typing import Any

from voltgate.ocpp.messages import Call, Result


class CarriedCall(Call):
    """A call that a carrier received in another form than OCPP-J, and that may be sent on in that form.

    It has no `text`; its payload is made on first use.
    """

    __slots__ = ()

    def carry(self, wire: Any, message_id: str) -> None:
        """Send the call on by `wire` under `message_id`: as it arrived if the wire takes that form, else as OCPP-J."""
        raise NotImplementedError


class CarriedResult(Result):
    """A result that a carrier received in another form than OCPP-J; see `CarriedCall`."""

    __slots__ = ()

    def carry(self, wire: Any, message_id: str) -> None:
        """Send the result on by `wire` under `message_id`."""
        raise NotImplementedError
