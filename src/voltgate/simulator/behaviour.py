"""How the simulated backend behaves, including the faults that tests and demonstrations ask for."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from voltgate.simulator import frames


class Boot(enum.StrEnum):
    """The answer to a BootNotification."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Lie(enum.StrEnum):
    """A way in which answers can be wrong."""

    NONE = "none"
    WRONG_ID = "wrong-id"
    DOUBLED = "doubled"
    MALFORMED = "malformed"
    PAYLOAD = "payload"
    SPACES = "spaces"
    ANOTHER = "another"
    """Valid, and for another station."""
    ERROR = "error"
    """An InternalError in place of each answer."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The behaviour of the simulated backend. Times are in seconds, 0 means never.

    `silent` names actions that it does not answer ("*": none at all), `delay` is the wait before each answer, `refuses`
    is the HTTP status that every station gets. `commands` is the pause between two commands to each station, `babble`
    that between two invalid frames, `hang_up` the time after which each connection is closed. A `password` is expected
    by HTTP Basic.
    """

    boot: Boot = Boot.ACCEPTED
    interval: int = 300
    silent: frozenset[str] = frozenset()
    delay: float = 0.0
    lie: Lie = Lie.NONE
    refuses: int | None = None
    commands: float = 0.0
    babble: float = 0.0
    hang_up: float = 0.0
    password: str | None = field(default=None, repr=False)
    timeout: float = 30.0


def nonsense(number: int) -> bytes:
    """Return a frame that is invalid, or that answers nothing."""
    return _NONSENSE[number % len(_NONSENSE)]


_NONSENSE = (
    frames.result("nobody asked for this", {}),
    frames.error("nobody asked for this", "GenericError", "and this neither"),
    b'[9,"a","message type of the future",{}]',
    b'[2,"broken',
    b"{}",
    b"pong",
    frames.call("babble", "NoSuchAction", {}),
    frames.call("babble", "Heartbeat", {}),
    frames.error("-1", "RpcFrameworkError", "what was that"),
    frames.result("", {"status": "x" * 5000}),
)
