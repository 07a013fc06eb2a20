"""The counts of a run: what was sent and answered, how fast, and every fault."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any

from voltgate.simulator.latency import Latency

EXAMPLES = 3
"""How many examples of each fault are kept."""

_LONGEST_EXAMPLE = 300
_SECRETS = ("AuthorizationKey", "BasicAuthPassword")


class Fault(enum.Enum):
    """A kind of misbehaviour of the far end, named as the summary names it."""

    WRONG = "wrong"
    """An answer that cannot be meant for this call: another station's, another call's, or against the schema."""
    MISSING = "missing"
    """A call that was not answered in time."""
    LATE = "late"
    """An answer after its time-out, or after its connection."""
    DOUBLED = "doubled"
    """A second answer to the same call."""
    STRAY = "stray"
    """An answer to a call that was never made."""
    MALFORMED = "malformed"
    """A frame that is not as OCPP-J says, spaces after separators included; with SOAP, HTTP or an envelope."""
    REFUSED = "refused"
    """A CALLERROR or SOAP fault where an answer was due."""
    CROWDED = "crowded"
    """A second call while the first was open (OCPP-J 1.6 section 4.1.1, 2.x Part 4 section 4.1.1)."""
    COMPLAINT = "complaint"
    """A CALLRESULTERROR: the far end rejects an answer of ours."""
    DROPPED = "dropped"
    """A connection that the far end ended."""
    REJECTED = "rejected"
    """A handshake that failed."""
    LOST = "lost"
    """A transaction of which something was never confirmed."""


class Tally:
    """Counts of one side of a run. `tolerated` faults are counted, and do not make the run a failure.

    `cut` counts calls that were open when their connection ended, `behind` calls that a fixed pace left unsent.
    """

    __slots__ = (
        "answered",
        "begun",
        "behind",
        "commands",
        "confirmed",
        "connected",
        "cut",
        "examples",
        "faults",
        "latency",
        "repeated",
        "sent",
        "streamed",
        "tolerated",
    )

    def __init__(self, tolerated: frozenset[Fault] = frozenset()) -> None:
        self.sent: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.latency: dict[str, Latency] = {}
        self.faults: Counter[Fault] = Counter()
        self.examples: dict[Fault, list[str]] = {}
        self.tolerated = tolerated
        self.connected = 0
        self.cut = 0
        self.repeated = 0
        self.streamed = 0
        self.begun = 0
        self.behind = 0
        self.confirmed = 0

    def answer(self, action: str, seconds: float) -> None:
        """Count an answer in time, and how long it took."""
        self.answered[action] += 1
        latency = self.latency.get(action)
        if latency is None:
            latency = self.latency[action] = Latency()
        latency.add(seconds)

    def fault(self, fault: Fault, who: str, what: str, text: bytes = b"") -> None:
        """Count a fault of the far end; the first few are kept as examples, without secrets."""
        self.faults[fault] += 1
        kept = self.examples.setdefault(fault, [])
        if len(kept) < EXAMPLES:
            kept.append(_example(who, what, text))

    @property
    def total(self) -> Latency:
        """The latency of all answers."""
        merged = Latency()
        for latency in self.latency.values():
            merged.merge(latency)
        return merged

    @property
    def failures(self) -> int:
        """The number of faults that are not tolerated."""
        return sum(number for fault, number in self.faults.items() if fault not in self.tolerated)

    def as_dict(self) -> dict[str, Any]:
        """Return all counts as plain JSON; latencies in milliseconds."""
        return {
            "connected": self.connected,
            "sent": sum(self.sent.values()),
            "answered": sum(self.answered.values()),
            "cut": self.cut,
            "behind": self.behind,
            "repeated": self.repeated,
            "streamed": self.streamed,
            "commands": dict(sorted(self.commands.items())),
            "transactions": {"begun": self.begun, "confirmed": self.confirmed, "lost": self.faults[Fault.LOST]},
            "faults": {fault.value: self.faults[fault] for fault in Fault},
            "failures": self.failures,
            "examples": {fault.value: list(kept) for fault, kept in self.examples.items()},
            "latency_ms": {"all": percentiles(self.total)}
            | {action: percentiles(latency) for action, latency in sorted(self.latency.items())},
        }


def percentiles(latency: Latency) -> dict[str, float]:
    """Return count, mean, p50, p90, p99, p99.9 and maximum of a latency, in milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    figures = {name: round(latency.percentile(share) * 1e3, 3) for name, share in shares.items()}
    whole = {"count": latency.count, "mean": round(latency.mean * 1e3, 3)}
    return whole | figures | {"max": round(latency.longest * 1e3, 3)}


def _example(who: str, what: str, text: bytes) -> str:
    shown = text[:_LONGEST_EXAMPLE].decode("utf-8", "replace")
    if any(secret in shown for secret in _SECRETS):
        shown = "(not shown: it carries a password)"
    return f"{who}: {what}: {shown}" if shown else f"{who}: {what}"
