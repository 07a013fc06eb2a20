"""What became of a command: the station's answer in words that are the same for every version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from voltgate.csms.said import objects_of, part_of, text_of, whole_of
from voltgate.ocpp.messages import Error, Reply, Unanswered

Fields: TypeAlias = dict[str, Any]
"""A payload, parsed."""

_YES = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked", "Unpublished"})
"""The statuses by which a station says that it does, did or will do as it was told."""

UNSUPPORTED = "Unsupported"
"""The status of a command that the station's version does not have: nothing was sent."""
UNANSWERED = "Unanswered"
"""The status of a command whose answer did not come: whether the station did it is not known."""
NOT_SENT = "NotSent"
"""The status of a command that could not be sent now."""


@dataclass(frozen=True, slots=True)
class Follow:
    """What the station sends later about a command: one of these actions, with this requestId where it has one."""

    actions: tuple[str, ...]
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    `accepted`: whether the station agreed; None if nobody knows. `status`: the station's own word, the code of its
    CALLERROR, or one of the words above; "" where the answer has no status by its nature. `info`: a sentence for
    people. `result`: what was asked for, ready for JSON, the same for every version. `sent`: False if the station
    certainly heard nothing, so that it may be told again.
    """

    accepted: bool | None
    status: str = ""
    info: str = ""
    result: Fields = field(default_factory=dict)
    follow: Follow | None = None
    sent: bool = True


Read: TypeAlias = Callable[[Fields], Outcome]
"""Reads the payload of a CALLRESULT, whatever it holds; never raises."""


def by_status(fields: Fields, result: Fields | None = None, follow: Follow | None = None) -> Outcome:
    """Read an answer with a status. `follow` is promised only where the station agreed."""
    status = text(fields, "status")
    if not status:
        return Outcome(None, "", "The station answered without a status", result or {})
    accepted = status in _YES
    return Outcome(accepted, status, status_info(fields), result or {}, follow if accepted else None)


def following(*actions: str, request: int | None = None) -> Read:
    """Return a reader of answers with a status, after whose Yes the station sends one of `actions`."""
    return lambda fields: by_status(fields, follow=Follow(actions, request))


def taken(follow: Follow | None = None) -> Read:
    """Return a reader of answers that are empty: the station has taken note."""
    return lambda _: Outcome(True, follow=follow)


def read(reply: Reply, reader: Read) -> Outcome:
    """Return the outcome of one message: an error of the station and a silence are outcomes like any other."""
    match reply:
        case Unanswered():
            sent = bool(reply.id)  # the message id that it was sent under
            return Outcome(None if sent else False, UNANSWERED if sent else NOT_SENT, reply.description, sent=sent)
        case Error():
            return Outcome(False, reply.code, reply.description or "The station answered with this error")
        case _:
            return reader(reply.fields)


def is_foreign(outcome: Outcome) -> bool:
    """Return whether the station does not know what it was asked, so that another message may serve."""
    return outcome.status in {"NotImplemented", "NotSupported"}


def text(fields: object, name: str) -> str:
    """Return a field that is a text, or a number in its place; "" if it is missing or something else."""
    return text_of(part_of(fields).get(name))


def number(fields: object, name: str) -> int | None:
    """Return a field that is a whole number, also one that is written as a text; None if it is missing or none."""
    return whole_of(part_of(fields).get(name))


def objects(fields: object, name: str) -> list[Fields]:
    """Return the objects of a list; none if there is no such list."""
    return objects_of(part_of(fields).get(name))


def status_info(fields: object, name: str = "statusInfo") -> str:
    """Return the reason that 2.x stations give beside a status, as one sentence."""
    said = part_of(fields).get(name)
    return ": ".join(filter(None, (text(said, "reasonCode"), text(said, "additionalInfo"))))
