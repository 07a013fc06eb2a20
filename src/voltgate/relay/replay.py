"""Replay: a backend that is back hears the station's last BootNotification before anything else."""

from __future__ import annotations

from functools import partial
from typing import Protocol
from uuid import uuid4

from voltgate.ocpp.actions import BOOT
from voltgate.ocpp.messages import Call, Reply, Respond
from voltgate.ocpp.turns import Turns


class Hearer(Protocol):
    """What is needed of a leg."""

    turns: Turns

    def now(self) -> float:
        """Return the seconds of the wheel."""

    def forward(self, call: Call, respond: Respond) -> None:
        """Send a call through what stands on the arrow."""


def replay(leg: Hearer, boot: bytes, deadline: float) -> None:
    """Send a BootNotification with this payload; until it has ended nothing else is sent."""
    call = Call(str(uuid4()), BOOT, boot)
    call.at, call.deadline, call.asker = leg.now(), deadline, leg
    answered: list[Reply] = []
    leg.forward(call, partial(_replayed, leg, answered))
    if not answered:
        leg.turns.hold()


def _replayed(leg: Hearer, answered: list[Reply], reply: Reply) -> None:
    """Send the rest: the replayed boot was answered, or will not be."""
    answered.append(reply)
    leg.turns.go_on(leg.now())
