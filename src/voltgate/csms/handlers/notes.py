"""What is kept as it came, for people and for whoever asked the station for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from voltgate.csms.handling import Handling
from voltgate.csms.model import SET_ASIDE, Note
from voltgate.csms.said import Said, name_of
from voltgate.csms.table import Entry


def keep_note(
    handling: Handling, about: str = "", at: float | None = None, kind: str = "", data: object = None
) -> None:
    """Keep what a call says, or `data` of it. `about` is the request or the object that it belongs to."""
    said = handling.said
    payload = msgspec.json.encode(said.fields if data is None else data)
    handling.put(Note(said.station, kind or said.action, said.now if at is None else at, said.now, about, payload))


def set_aside(said: Said) -> Note:
    """Return the note that keeps a call which could not be dealt with, for a person to look at."""
    payload = msgspec.json.encode({"action": said.action, "payload": said.fields})
    return Note(said.station, SET_ASIDE, said.now, said.now, name_of(said.id), payload)


def noted(about: str = "", at: str = "", **answer: Any) -> Entry:
    """Return how a call is answered that is kept and asks for nothing more.

    `about` and `at` are the fields that name what it is about, and when it was.
    """
    return Entry(partial(_note, about, at, answer))


def _note(about: str, at: str, answer: dict[str, Any], handling: Handling) -> dict[str, Any]:
    said = handling.said
    keep_note(handling, name_of(said.fields.get(about)), said.at(at))
    return answer


def no_authority(**more: Any) -> dict[str, Any]:
    """Return the answer to what only somebody else can know or do, whom nobody has configured."""
    return {"status": "Failed", "statusInfo": reason("UnsupportedRequest", "No authority is configured"), **more}


def reason(code: str, sentence: str) -> dict[str, str]:
    """Return a statusInfo: its code has at most 20 characters (2.x Part 2, Appendix 5)."""
    return {"reasonCode": code, "additionalInfo": sentence}
