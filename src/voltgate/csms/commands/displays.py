"""Commands about messages on a station's display (2.x Part 2 section O)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from voltgate.csms.commands.asking import Plan, Step
from voltgate.csms.commands.outcome import by_status, following
from voltgate.csms.commands.parameters import Id, Parameters, Time, given
from voltgate.csms.commands.target import Target, stamp

Priority: TypeAlias = Literal["always-front", "in-front", "normal"]
State: TypeAlias = Literal["charging", "faulted", "idle", "unavailable", "suspended", "discharging"]

_PRIORITIES = {"always-front": "AlwaysFront", "in-front": "InFront", "normal": "NormalCycle"}
_ONLY_21 = frozenset({"suspended", "discharging", "QRCODE"})


class SetDisplayMessage(Parameters, frozen=True):
    """Show a message, in a state of the station, a stretch of time, or a transaction if these are given."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    id: Id = 0
    format: Literal["ASCII", "HTML", "URI", "UTF8", "QRCODE"] = "UTF8"
    language: Annotated[str, msgspec.Meta(max_length=8)] = ""
    priority: Priority = "normal"
    state: State | None = None
    begins: Time | None = None
    ends: Time | None = None
    transaction: Annotated[str, msgspec.Meta(max_length=36)] = ""


def set_display_message(target: Target, wanted: SetDisplayMessage) -> Plan:
    """Plan a SetDisplayMessage. The id is in the result: it clears or replaces the message."""
    number = wanted.id or target.number
    content = target.must_fit(wanted.text, 512, 512, 1024, "a message")
    message = given(
        id=number,
        priority=_PRIORITIES[wanted.priority],
        state=_state(target, wanted.state),
        startDateTime=None if wanted.begins is None else stamp(wanted.begins),
        endDateTime=None if wanted.ends is None else stamp(wanted.ends),
        transactionId=wanted.transaction,
        message=given(format=_known(target, wanted.format), language=wanted.language, content=content),
    )
    return Step("SetDisplayMessage", {"message": message}, lambda fields: by_status(fields, {"message": number}))


class ListDisplayMessages(Parameters, frozen=True):
    """List messages, by ids, priority and state if these are given; they come afterwards, with the request's number."""

    ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)] = ()
    priority: Priority | None = None
    state: State | None = None
    id: Id = 0


def list_display_messages(target: Target, wanted: ListDisplayMessages) -> Plan:
    """Plan a GetDisplayMessages."""
    request = wanted.id or target.number
    payload = given(
        requestId=request,
        id=list(wanted.ids),
        priority=wanted.priority and _PRIORITIES[wanted.priority],
        state=_state(target, wanted.state),
    )
    return Step("GetDisplayMessages", payload, following("NotifyDisplayMessages", request=request))


class ClearDisplayMessage(Parameters, frozen=True):
    """Take a message off the display."""

    id: Id


def clear_display_message(target: Target, wanted: ClearDisplayMessage) -> Plan:
    """Plan a ClearDisplayMessage."""
    return Step("ClearDisplayMessage", {"id": wanted.id})


def _state(target: Target, state: State | None) -> str | None:
    return None if state is None else _known(target, state).capitalize()


def _known(target: Target, word: str) -> str:
    if word in _ONLY_21 and not target.since("ocpp2.1"):
        raise target.lacks(f"message for {word}" if word.islower() else f"message of the format {word}")
    return word
