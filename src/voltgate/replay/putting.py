"""What is put into recorded payloads before they are said again: stand-ins for masks, and numbers given anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from voltgate.replay.recording import PSEUDONYM

_MOST = 10_000
"""Numbers of one station that are remembered: more calls than that are not open."""
_BY_ANSWER = {"StartTransaction": {"transactionId": "transactionId"}}
"""Numbers that an answer gives, by action: the field in it, and the field in later calls."""
_BY_CALL = {
    "ReserveNow": {"reservationId": "reservationId", "id": "reservationId"},
    "RequestStartTransaction": {"remoteStartId": "remoteStartId"},
}
_REQUEST = {"requestId": "requestId"}
"""Numbers that a backend's call gives. Any may have a number by which reports of it are told apart (2.x)."""


class Numbers:
    """The numbers that the far end has given in this replay, by those that it gave when it was recorded."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, object], object] = {}

    def answered(self, action: str, recorded: Any, given: Any) -> None:
        """Learn from an answer to a call of this action."""
        self._learn(_BY_ANSWER.get(action, {}), recorded, given)

    def asked(self, action: str, recorded: Any, given: Any) -> None:
        """Learn from a call that the far end makes."""
        self._learn(_BY_CALL.get(action, _REQUEST), recorded, given)

    def of(self, field: str, number: object) -> object:
        """Return what a field is to say instead of what was recorded."""
        return self._given.get((field, number), number)

    def _learn(self, fields: Mapping[str, str], recorded: Any, given: Any) -> None:
        if not isinstance(recorded, dict) or not isinstance(given, dict):
            return
        for field, later in fields.items():
            if field in recorded and field in given:
                if len(self._given) >= _MOST:
                    del self._given[next(iter(self._given))]
                self._given[later, recorded[field]] = given[field]


class StandIns:
    """What is said in the place of what was masked: the same for the same, so that what belongs together still does.

    `given` are stand-ins by mask, "*" for all that are not named.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def of(self, text: str) -> str:
        """Return a text with stand-ins for the tokens in it: 14 hexadecimal digits, as a card's number has."""
        return PSEUDONYM.sub(lambda match: self._one(match[0]), text) if "~" in text else text

    def _one(self, mask: str) -> str:
        known = self._given.get(mask) or self._given.get("*")
        return known if known is not None else "0000" + mask[1:].upper()


def put(payload: Any, stand_ins: StandIns, number: Callable[[str, object], object], field: str = "") -> Any:
    """Return a payload with stand-ins, and with other numbers where `number` has some."""
    if isinstance(payload, dict):
        return {key: put(value, stand_ins, number, key) for key, value in payload.items()}
    if isinstance(payload, list):
        return [put(value, stand_ins, number, field) for value in payload]
    if isinstance(payload, str):
        return stand_ins.of(payload)
    return payload if isinstance(payload, bool | None) else number(field, payload)


def timely(payload: Any) -> Any:
    """Return an answer with the time of now, where it tells the time: a station sets its clock by it."""
    if isinstance(payload, dict) and "currentTime" in payload:
        return payload | {"currentTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    return payload
