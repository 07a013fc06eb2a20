"""What is known of a station's registration: whether a BootNotification of it was accepted."""

from __future__ import annotations

from typing import Protocol

from voltgate.ocpp.messages import Call

ACCEPTED, PENDING, REJECTED = "Accepted", "Pending", "Rejected"
STATUSES = frozenset({ACCEPTED, PENDING, REJECTED})
"""What a BootNotification is answered (OCPP 1.6 RegistrationStatus, 2.x RegistrationStatusEnumType)."""


class Changed(Protocol):
    """Told that there is something new: what stands before the station's calls, or is held back, depends on it."""

    def __call__(self, boot: bytes | None = None) -> None:
        """Look again; `boot` is the payload of a BootNotification that has come."""


class Registration:
    """One station's registration, as far as its present connection has told.

    `status` is what the station was told last, on whatever connection; "" if that is not known. `by_gateway`: Voltgate
    goes by it also where there is one backend only. `booting` is the BootNotification that is open, and `heard` whether
    commands may go out: one was answered since, the station has said something else, or it was accepted when it came.
    `held`: commands wait for that. `asked` names what a station that is Pending was asked to send, each with the number
    of the request (None: any).
    """

    __slots__ = ("asked", "booting", "by_gateway", "changed", "heard", "held", "status")

    def __init__(self, status: str | None, by: str, changed: Changed) -> None:
        self.status = status or ""
        self.by_gateway = by == "gateway"
        self.changed = changed
        self.heard = status == ACCEPTED
        self.booting: Call | None = None
        self.held = False
        self.asked: dict[tuple[str, int | None], None] = {}

    @property
    def gated(self) -> bool:
        """Whether the station's calls have to be looked at."""
        return self.status in (PENDING, REJECTED) or not self.heard
