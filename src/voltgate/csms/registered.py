"""What a connected station was told of its registration, and what it may say and be asked because of that."""

from __future__ import annotations

from voltgate.ocpp.messages import Call, Reason, Reply, Result, Unanswered
from voltgate.ocpp.requested import caused_by, why_not

_MOST = 64
"""Kinds of messages that one station is known to have been asked for."""


class Registered:
    """The registration of one station, as long as it is connected."""

    __slots__ = ("_asked", "_status")

    def __init__(self) -> None:
        self._status: str | None = None
        self._asked: dict[str, None] = {}

    def told(self, reply: Reply | None) -> None:
        """Take note of what its BootNotification was answered with."""
        if isinstance(reply, Result):
            self._status = str(reply.fields.get("status", ""))

    @property
    def is_accepted(self) -> bool:
        """Return whether it is known that the station may work: it was told so, or has never asked."""
        return self._status in ("", "Accepted")

    def was_asked(self, action: str) -> bool:
        """Return whether it was asked for something, which it may say before it is accepted."""
        return action in self._asked

    def refusal(self, call: Call) -> Unanswered | None:
        """Return what is said in the station's place to a command that it must not be sent.

        None if it may be: what it sends because of that may come then.
        """
        why = why_not(self._status or "", call)
        if why:
            return Unanswered(Reason.REFUSED, f"The station was not asked: {why}", "SecurityError")
        caused = caused_by(call)
        if caused is not None:
            self._asked[caused[0]] = None
        if len(self._asked) > _MOST:
            del self._asked[next(iter(self._asked))]
        return None
