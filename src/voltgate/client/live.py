"""Live messages and events, a line each, as they happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from voltgate.client.api import Api
from voltgate.client.output import print_json, remark
from voltgate.client.stream import Stream
from voltgate.client.terminal_text import clean, clock, compact, word

_SHORT = 160
"""Characters of a payload that are shown without `--full`."""
_ARROWS = {
    "from_station": "station →",
    "to_station": "→ station",
    "from_backend": "{} →",
    "to_backend": "→ {}",
}
_ON_BEHALF = {"from_station": "answered by {}", "to_station": "asked by {}"}
"""How the backend of a message on the station's own connection is shown, by direction."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of a stream are shown: of a call the one on the connection on which it was made.

    With `backend` it is the one on that backend's connection; with `legs` it is every one.
    """

    action: str | None = None
    backend: str | None = None
    outcome: str | None = None
    legs: bool = False

    def takes(self, message: Mapping[str, Any]) -> bool:
        """Return whether a message is shown."""
        action, outcome = message.get("action"), message.get("outcome")
        return self.action in (None, action) and self.outcome in (None, outcome) and self._is_side(message)

    def _is_side(self, message: Mapping[str, Any]) -> bool:
        direction, leg, backend = (message.get(key) for key in ("direction", "leg", "backend"))
        if self.backend is not None:
            return self.backend == leg or (self.legs and self.backend == backend)
        is_passed_on = direction == "to_backend" or (direction == "to_station" and backend is not None)
        return self.legs or not is_passed_on


def tail(api: Api, station: str | None, wanted: Wanted, full: bool, as_json: bool) -> None:
    """Print messages as they are answered, until the command is stopped."""
    for event in Stream(api, "messages", {"station": station}).follow(remark):
        if event.kind == "message" and not wanted.takes(event.data):
            continue
        if as_json:
            print_json(event.data)
        elif event.kind == "missing":
            remark(_missing(event.data))
        elif event.kind == "lost":
            remark(_lost(event.data))
        else:
            typer.echo(message_line(event.data, None if full else _SHORT))


def _missing(data: Mapping[str, Any]) -> str:
    names = word(data.get("missing"))
    return f"warning: nodes that do not answer, and are not heard: {names}" if names else "all nodes answer again"


def _lost(data: Mapping[str, Any]) -> str:
    if data.get("lost") is None:
        return f"{word(data.get('node'))} was not heard for a while: its messages of that time are not shown"
    return f"messages not shown because they came faster than they were read: {word(data.get('lost'))}"


def message_line(message: Mapping[str, Any], longest: int | None) -> str:
    """Return one message with its answer as one line; payloads are cut after `longest` characters."""
    parts = [
        clock(message.get("at")),
        word(message.get("station")),
        _arrow(message),
        f"{word(message.get('action'))} {cut(message.get('payload'), longest)}",
        _outcome(message, longest),
        _milliseconds(message.get("latency_ms")),
        _behalf(message),
    ]
    return "  ".join(part for part in parts if part)


def _arrow(message: Mapping[str, Any]) -> str:
    direction = str(message.get("direction"))
    backend = message.get("backend") or message.get("leg")
    return _ARROWS.get(direction, direction).format(word(backend))


def _behalf(message: Mapping[str, Any]) -> str:
    backend = message.get("backend")
    return _ON_BEHALF.get(str(message.get("direction")), "").format(word(backend)) if backend else ""


def _outcome(message: Mapping[str, Any], longest: int | None) -> str:
    outcome, reply = message.get("outcome"), message.get("reply")
    if outcome is None:
        return ""
    if outcome == "result":
        return f"⇒ {cut(reply, longest)}"
    return f"⇒ {word(outcome)} {cut(reply, longest)}".rstrip() if reply else f"⇒ {word(outcome)}"


def cut(value: object, longest: int | None) -> str:
    """Return JSON on one line, as far as `longest`."""
    text = clean(compact(value))
    return text if longest is None or len(text) <= longest else f"{text[:longest]}…"


def _milliseconds(value: object) -> str:
    return f"{value:.1f} ms" if isinstance(value, int | float) else ""


def events(api: Api, station: str | None, kinds: list[str], after: str, as_json: bool) -> None:
    """Print events as they happen, until the command is stopped."""
    for event in Stream(api, "events", {"station": station, "kind": kinds}, after=after).follow(remark):
        if as_json:
            print_json(event.data)
        elif event.kind == "missing":
            remark(_missing(event.data))
        elif event.kind == "lost":
            remark(_forgotten(event.data))
        else:
            typer.echo(event_line(event.data, event.kind))


def _forgotten(data: Mapping[str, Any]) -> str:
    number = data.get("lost")
    if number is None and "node" in data:
        return f"{word(data['node'])} was not heard for a while: what happened there meanwhile is not shown"
    if number is None:
        return "the gateway was started again: what happened before that is not known to it any more"
    return f"events not shown because the gateway has forgotten them: {word(number)}"


def event_line(event: Mapping[str, Any], kind: str) -> str:
    """Return one event as one line: time, kind, and its fields."""
    fields = (f"{key}={word(value)}" for key, value in event.items() if key not in {"id", "at", "kind"} and value != "")
    return "  ".join([clock(event.get("at")), word(event.get("kind") or kind), " ".join(fields)]).rstrip()
