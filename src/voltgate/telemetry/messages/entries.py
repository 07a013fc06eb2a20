"""Entries: what the event loop hands over to the writer, as cheap to make as can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from voltgate.ocpp.messages import SEND, Error, Result, Unanswered
from voltgate.relay.route import Plans
from voltgate.relay.tap import FROM_STATION, TO_BACKEND, TO_STATION, Decision, Heard, backend_of, decision_of

CALLED, SENT, MALFORMED, REFUSED, LOST = range(5)
KINDS = ("call", "send", "malformed", "refused", "lost")
"""The kinds of entries by their numbers: the last two are a handshake, and how many entries there should be more."""

RESULT, ERROR, UNANSWERED = range(3)
OUTCOMES = ("result", "error", "unanswered")
"""What came of a call, by number."""

NEITHER = -1
"""In the place of a direction: nobody called anybody."""
_UNDECIDED = (None, None, None)
MOST_ODD = 1024
"""Bytes that are kept of a frame that is no message, or of what a handshake asked for."""


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One entry on its way to the writer.

    `body` and `reply` are the frame that arrived (it begins with a bracket), or the JSON of the payload; of an error
    the reply is that of its details. What the frames say is not said again: `message_id`, `action`, and that it is a
    result. A call is heard on two legs, mostly one right after the other: one entry says both, if nothing was changed.
    `took_backend` is what it took there. `call` ties the records of one call together. `was` and `reply_was` are the
    payloads that the call and the reply arrived with, where they were changed.
    """

    kind: int
    at: float
    station: str
    direction: int = NEITHER
    backend: str | None = None
    took: float | None = None
    body: bytes | None = None
    reply: bytes | None = None
    call: int = 0
    route: str | None = None
    rule: int | None = None
    decided: str | None = None
    took_backend: float | None = None
    message_id: str = ""
    action: str = ""
    outcome: int | None = None
    code: str | None = None
    description: str | None = None
    was: bytes | None = None
    reply_was: bytes | None = None


_Decided: TypeAlias = tuple[str | None, int | None, str | None]
"""The route, the number of the rule, and why."""

Row: TypeAlias = tuple[object, ...]
"""The fields of an entry, which is not made in the loop: a tuple costs a third."""


def entries_of(every: Iterable[Heard], since: float) -> list[Row]:
    """Return what was heard as entries; the clock of the wheel showed 0 `since` then, in seconds since 1970."""
    entries: list[Row] = []
    decisions: dict[tuple[Decision | Plans | None, str], _Decided] = {}
    """Why calls went where they went, by what was asked: the same again and again."""
    leg: Heard | None = None
    """A backend's leg of a call that was passed on as it came, and so was its answer: the station's may be the next."""
    for heard in every:
        session, direction, call, reply, now, _, why = heard
        if leg is not None:
            if call is leg[2] and type(reply) is Result and reply is leg[3] and type(why) is Plans:
                decided = decisions.get((why, call.action))
                if decided is None:
                    decided = decisions[why, call.action] = _decision(heard)
                at, (route, rule, by) = call.at, decided
                entries.append((
                    CALLED, since + at, session.identity, FROM_STATION, leg[5], (now or at) - at, call.text,
                    reply.text, int(at * 1e6), route, rule, by, (leg[4] or at) - at,
                ))  # fmt: skip
                leg = None
                continue
            entries.append(_in_full(leg, since))
            leg = None
        if direction == TO_BACKEND and type(reply) is Result and reply.text and call.text and call.original is None:
            leg = heard
        else:
            entries.append(_in_full(heard, since))
    if leg is not None:
        entries.append(_in_full(leg, since))
    return entries


def _decision(heard: Heard) -> _Decided:
    return decision_of(heard) or _UNDECIDED


def _in_full(heard: Heard, since: float) -> Row:
    session, direction, call, reply, now, _, _ = heard
    original = call.original
    began = call if original is None else original
    route, rule, decided = _decision(heard)
    was = None if original is None or original.payload is call.payload else bytes(original.payload)
    code = description = answer = reply_was = None
    outcome = None if now is None else UNANSWERED
    if isinstance(reply, Error):
        outcome = UNANSWERED if isinstance(reply, Unanswered) else ERROR
        answer, code, description = bytes(reply.details), reply.code, reply.description
    elif reply is not None:
        outcome, answer = RESULT, reply.text or bytes(reply.payload)
        reply_was = None if reply.original is None else bytes(reply.original.payload)
    sent_as = reply.id if reply is not None and direction in (TO_BACKEND, TO_STATION) else ""
    return (
        SENT if call.kind == SEND else CALLED,
        since + call.at,
        session.identity,
        direction,
        backend_of(heard),
        None if now is None else now - call.at,
        call.text or bytes(call.payload),
        answer,
        int((began.at or call.at) * 1e6),
        route,
        rule,
        decided,
        None,
        sent_as or call.id,
        call.action,
        outcome,
        code,
        description,
        was,
        reply_was,
    )


def odd_entry(kind: int, station: str, at: float, body: bytes, why: str, backend: str | None, direction: int) -> Row:
    """Return an entry of what is no message: as many bytes of it as are kept."""
    rest = "" if len(body) <= MOST_ODD else f" ({len(body)} bytes)"
    nothing = (None, 0, None, None, None, None, "", "", None, None)
    return (kind, at, station, direction, backend, None, body[:MOST_ODD], *nothing, why + rest)
