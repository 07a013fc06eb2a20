"""An explanation: in sentences, what became of one message and why. Made of the records of its call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from voltgate.client.terminal_text import clock, compact, listed, moment, word

Record: TypeAlias = Mapping[str, Any]

_LONGEST = 200
"""Characters of a payload that are shown."""
_WHY = {
    "owner": "It names a transaction, or another number, that is {backend}'s: so {backend} is who answers, "
    "whatever the rules say.",
    "invitation": "{backend} had asked for this session: so it is who answers, whatever the rules say.",
    "authorize": "The backends of the rule were asked whose token it is: {backend} accepted it.",
    "ledger": "It had been answered before: the same was answered again, and no backend was asked.",
    "stand-in": "The backend that would have answered was away: Voltgate stood in for it.",
    "gateway": "Voltgate answered it itself.",
    "nobody": 'No rule of the route "{route}" is for it.',
}
"""What decided where a call of a station went, when it was no rule."""


def explain(records: Sequence[Record], owed: Sequence[Record] = ()) -> list[str]:
    """Return the sentences on one message, out of all records of its call, and of what was owed of it later.

    `owed` is what is owed of it still, as the API shows it.
    """
    origin = next(
        (each for each in _by_time(records) if each.get("direction") in ("from_station", "from_backend")), None
    )
    if origin is None:
        return [sentence for each in _by_time(records) for sentence in _alone(each)]
    if origin.get("kind") == "malformed":
        return list(_malformed(origin))
    if origin["direction"] == "from_station":
        return list(_of_station(origin, records, owed))
    return list(_of_backend(origin, records))


def _by_time(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: str(record.get("at")))


# What a station said.


def _of_station(origin: Record, records: Sequence[Record], owed: Sequence[Record]) -> Iterator[str]:
    station = word(origin["station"])
    yield f"{_when(origin)} {station} sent {_named(origin)}: {_short(origin.get('payload'))}"
    yield _decided(origin)
    legs = [each for each in records if each.get("direction") == "to_backend"]
    legs.sort(key=lambda leg: (leg["leg"] != origin.get("backend"), str(leg["at"]), str(leg["leg"])))
    for each in legs:
        yield _told(each, origin)
    for each in owed:
        if each.get("backend"):
            yield f"It is still owed to {word(each['backend'])}, which has not taken it yet."
        else:
            yield "It is kept for the backend that its transaction turns out to be of."
    if not (legs or owed) and origin.get("decided") not in ("ledger", "stand-in", "gateway"):
        yield "It went to no backend."
    if origin.get("kind") == "send":
        yield "It is a message without an answer: the station got none."
    elif origin.get("outcome") in (None, "unanswered"):
        waited = _after(origin)
        yield f"{station} got no answer{f' in {waited}' if waited else ''}{_because(origin)}."
    else:
        whose = f"the answer of {word(origin['backend'])}" if origin.get("backend") else "Voltgate's own answer"
        yield f"{station} got {whose} after {_after(origin)}{_changed(origin, answer=True)}: {_answer(origin)}"


def _decided(origin: Record) -> str:
    decided, route = origin.get("decided"), word(origin.get("route"))
    backend = word(origin.get("backend")) or "that backend"
    if decided == "rule":
        return f'Rule {int(origin.get("rule") or 0) + 1} of the route "{route}" decided where it goes.'
    reason = _WHY.get(str(decided))
    if reason is None:
        return "Why it went where it went is not in the log."
    return reason.format(backend=backend, route=route)


def _told(leg: Record, origin: Record) -> str:
    """Return what became of a station's call at one backend."""
    backend = word(leg["leg"])
    late = _seconds(leg) - _seconds(origin)
    changed = _changed(leg, answer=False) or ", unchanged"
    if leg.get("call") != origin.get("call"):
        how = f"It was owed to {backend}, which was told {_duration(late)} later{changed}"
    elif backend == origin.get("backend"):
        how = f"{backend} was asked{changed}"
    elif origin.get("backend"):
        how = f"{backend} was told besides{changed}"
    else:
        how = f"It went to {backend}{changed}"
    is_copy = backend != origin.get("backend") and leg.get("outcome") in ("result", "error")
    return f"{how}: {_came(leg)}{'; what it said went no further' if is_copy else ''}."


def _came(leg: Record) -> str:
    if leg.get("kind") == "send":
        return "it has no answer"
    match leg.get("outcome"):
        case "result":
            return f"it answered after {_after(leg)}"
        case "error":
            return f"it answered after {_after(leg)} with the error {_error(leg)}"
    waited = _after(leg)
    return f"it did not answer{f' in {waited}' if waited else ''}{_because(leg)}"


# What a backend asked.


def _of_backend(origin: Record, records: Sequence[Record]) -> Iterator[str]:
    backend, station = word(origin.get("backend") or origin["leg"]), word(origin["station"])
    yield f"{_when(origin)} {backend} asked {station} for {_named(origin)}: {_short(origin.get('payload'))}"
    asked = [each for each in records if each.get("direction") == "to_station"]
    for each in asked:
        changed = _changed(each, answer=False) or ", unchanged"
        renamed = f" as {word(each['message_id'])}" if each.get("message_id") != origin.get("message_id") else ""
        yield f"It went to {station}{renamed}{changed}: {_came(each)}."
    if not asked:
        yield f"It never came to {station}: Voltgate answered in its place, for {backend}'s permit or its state."
    if origin.get("outcome") in (None, "unanswered"):
        yield f"{backend} got no answer{_because(origin)}."
    else:
        yield f"{backend} got the answer after {_after(origin)}{_changed(origin, answer=True)}: {_answer(origin)}"


# What is no call.


def _malformed(record: Record) -> Iterator[str]:
    who = word(record["backend"] if record["direction"] == "from_backend" else record["station"])
    yield f"{_when(record)} {who} sent what is no message: {_short(record.get('payload'))}"
    yield f"It was not passed on: {word(record.get('description')).rstrip('.')}."


def _alone(record: Record) -> Iterator[str]:
    """Yield what one record says, of a call of which the first is not in the log, or of what was no call."""
    match record.get("kind"):
        case "refused":
            yield f"{_when(record)} {word(record['station'])} was refused at {_short(record.get('payload'))}"
            yield f"It was told {word(record.get('description'))}."
        case "lost":
            yield f"{_when(record)} {word(record.get('description'))}."
        case _:
            whom = record["leg"] if record.get("direction") == "to_backend" else record["station"]
            yield f"{_when(record)} {word(whom)} was sent {_named(record)}: {_short(record.get('payload'))}"
            yield f"Who it came from is not in the log{_changed(record, answer=False)}: {_came(record)}."


# Words.


def _when(record: Record) -> str:
    at = record.get("at")
    return f"{moment(at)[:10]} {clock(at)}"


def _named(record: Record) -> str:
    return f"{word(record.get('action'))} ({word(record.get('message_id'))})"


def _changed(record: Record, *, answer: bool) -> str:
    """Return what was changed, of the call or of the answer, as the end of a clause; "" if nothing was."""
    parts, is_answer = [], False
    for part in filter(None, str(record.get("changed") or "").split("; ")):
        is_answer = is_answer or part.startswith("answer: ")
        if is_answer is answer:
            parts.append(part.removeprefix("answer: "))
    return f", with {listed(parts)}" if parts else ""


def _answer(record: Record) -> str:
    return f"the error {_error(record)}" if record.get("outcome") == "error" else _short(record.get("reply"))


def _because(record: Record) -> str:
    """Return why a call has no answer, as the end of a clause."""
    reply = record.get("reply")
    said = word(reply.get("description")) if isinstance(reply, Mapping) else ""
    return f": {said[:1].lower()}{said[1:]}" if said else ""


def _error(record: Record) -> str:
    reply = record.get("reply")
    if not isinstance(reply, Mapping):
        return word(reply)
    said = word(reply.get("description"))
    return f"{word(reply.get('code'))}{f' ({said})' if said else ''}"


def _short(payload: Any) -> str:
    text = word(payload) if isinstance(payload, str) else compact(payload)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _seconds(record: Record) -> float:
    return datetime.fromisoformat(str(record["at"])).timestamp()


def _after(record: Record) -> str:
    took = record.get("latency_ms")
    return "" if not isinstance(took, int | float) else _duration(took / 1000)


def _duration(seconds: float) -> str:
    """Return a time as people say it: "12.3 ms", "5.0 s", "3 h 20 min"."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
