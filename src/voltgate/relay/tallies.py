"""How the calls between a backend and its stations ended, counted: plain integers, for metrics and error rates."""

from __future__ import annotations

from bisect import bisect_left

from voltgate.ocpp.actions import ACTIONS, plain_action
from voltgate.ocpp.carried import CarriedResult
from voltgate.ocpp.messages import Call, Reply, Result, Unanswered

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency histogram, in seconds."""

OTHER = "other"
"""The label of every action that is in no version of OCPP: the wire must not make labels."""


class Tally:
    """How the calls of one action ended, and how long they took."""

    __slots__ = ("buckets", "errors", "results", "seconds", "unanswered")

    def __init__(self) -> None:
        self.results = 0
        self.errors = 0
        self.unanswered: dict[str, int] = {}
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    @property
    def count(self) -> int:
        """The number of calls that ended."""
        return sum(self.buckets)


class Tallies:
    """One tally for each action: the calls in one direction between one backend and its stations."""

    __slots__ = ("_by_action", "by_label")

    def __init__(self) -> None:
        self.by_label: dict[str, Tally] = {}
        self._by_action: dict[str, Tally] = {}

    def observe(self, call: Call, reply: Reply, now: float) -> None:
        """Count a call that ended."""
        tally = self._by_action.get(call.action) or self._tally(call.action)
        if type(reply) is Result or isinstance(reply, CarriedResult):
            tally.results += 1
        elif isinstance(reply, Unanswered):
            reason = reply.reason.value
            tally.unanswered[reason] = tally.unanswered.get(reason, 0) + 1
        else:
            tally.errors += 1
        took = now - call.at
        tally.seconds += took
        tally.buckets[bisect_left(BUCKETS, took)] += 1

    def _tally(self, action: str) -> Tally:
        label = plain_action(action)
        known = label in ACTIONS
        tally = self.by_label.setdefault(label if known else OTHER, Tally())
        if known:
            self._by_action[action] = tally
        return tally
