"""What an asker hears where no answer came, and why."""

from __future__ import annotations

from voltgate.ocpp.messages import Call, Reason, Unanswered


def gone(description: str, message_id: str = "") -> Unanswered:
    """Return the reply to a call whose connection is not there; `message_id` is what it was sent under."""
    return _silence(Reason.GONE, description, message_id)


def overloaded() -> Unanswered:
    """Return the reply to a call that finds as many waiting as may wait."""
    return Unanswered(Reason.OVERLOADED, "Too many calls wait for this connection")


def expired() -> Unanswered:
    """Return the reply to a call whose deadline passed while it waited for its turn: it was never sent."""
    return Unanswered(Reason.TIMED_OUT, "Its turn never came")


def timed_out(call: Call, message_id: str, now: float) -> Unanswered:
    """Return the reply to a call that was sent and not answered by its deadline."""
    return _silence(Reason.TIMED_OUT, f"No answer within {now - call.at:.0f} s", message_id)


def malformed(description: str, message_id: str) -> Unanswered:
    """Return the reply to a call whose answer cannot be read."""
    return _silence(Reason.MALFORMED, description, message_id)


def _silence(reason: Reason, description: str, message_id: str) -> Unanswered:
    reply = Unanswered(reason, description)
    reply.id = message_id
    return reply
