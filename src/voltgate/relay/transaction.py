"""A transaction of one station: whose it is, who is told, which numbers it has, and what was said of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from voltgate.ocpp.ids import compact
from voltgate.ocpp.messages import Call, Reply, Result
from voltgate.relay.records import TransactionRecord, Unreadable, document

_DOUBTFUL = 600.0
"""Seconds for which a transaction counts that may be over, or may never have begun."""
MOST_KEPT = 200
"""Events of one transaction that are kept for an owner who is not known yet."""
_TOLD = 16
"""Messages, and answers, of one transaction that are remembered."""
_APART = 0.001
"""Seconds between the ends of two transactions of one station, at least."""


def digest(*parts: bytes | str) -> str:
    """Return a short name of a message's content, for telling a repeated one."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return blake2b(joined, digest_size=9).hexdigest()


class Transaction:
    """A transaction: whose it is, who is told, and the number that each backend knows it by.

    `id` is the station's, "" until it has one. `bound` is false while nobody knows whose it will be (2.x, before a
    token): `owner` then only answers, and `took` says who has got each event, or is owed it. `reply` is the
    payload that the station's start was answered with, `told` names the last messages that copies were told of.
    `answered` holds the payloads of its owner's last answers, `answers` are those that may own it while nobody took it
    yet. `heard_at` is when the station last spoke of it, in seconds since 1970, give or take an hour. `over`: the
    station has said its end, whatever came of that. `failed`: the last that came of it is that its start was answered
    with an error (2.x). `started` is when that was, by the station's own clock, as it wrote it; `meter` what its meter
    showed then, in Wh. `number` is the one that the station will know it by, whichever process answers its start; 0
    where the backend's own will do (1.6).
    """

    __slots__ = (
        "answered",
        "answers",
        "began",
        "bound",
        "connector",
        "copies",
        "ended",
        "failed",
        "heard_at",
        "id",
        "key",
        "meter",
        "number",
        "numbers",
        "over",
        "owner",
        "ref",
        "reply",
        "started",
        "station",
        "token",
        "told",
        "took",
        "unsaved",
    )

    def __init__(self, station: str, ref: str, owner: str, copies: tuple[str, ...], began: float) -> None:
        self.station = station
        self.ref = ref
        self.owner = owner
        self.copies = copies
        self.began = self.heard_at = began
        self.over = self.failed = False
        self.ended: float | None = None
        self.id = self.key = self.started = ""
        self.token = ""
        self.connector: int | None = None
        self.number = 0
        self.meter: float | None = None
        self.numbers: dict[str, int] = {}
        self.reply: bytes | None = None
        self.bound = True
        self.took: dict[str, list[str]] = {}
        self.told: deque[str] = deque(maxlen=_TOLD)
        self.answers: tuple[str, ...] = ()
        self.answered: dict[str, str] = {}
        self.unsaved = False
        """Whether it was answered, or copies were told of it, since it was written down."""

    def take(self) -> None:
        """Note that it was sent: it is its owner's now, and goes to nobody else who might have owned it."""
        self.unsaved = self.unsaved or bool(self.answers)
        self.answers = ()

    def note(self, backend: str, call: Call) -> None:
        """Note that a backend has got an event, or is owed it, as long as nobody knows whose the transaction is."""
        if not self.bound and len(self.took) < MOST_KEPT:
            self.took.setdefault(said(call), []).append(backend)
            self.unsaved = True

    def repeats(self, name: str) -> bool:
        """Return whether the copies were told of this message already, and note that they are now."""
        if name in self.told:
            return True
        self.told.append(name)
        self.unsaved = True
        return False

    def answer_to(self, call: Call) -> bytes | None:
        """Return what its owner has answered to this very message; None if it has not."""
        answer = self.answered.get(said(call)) if self.answered else None
        return None if answer is None else answer.encode()

    def remember(self, call: Call, reply: Reply) -> bool:
        """Remember what its owner has answered, for a station that says it again; False if that does no harm."""
        if not isinstance(reply, Result) or call.action not in ("StopTransaction", "TransactionEvent"):
            return False
        self.answered[said(call)] = bytes(reply.payload).decode()
        self.unsaved = True
        if len(self.answered) > _TOLD:
            del self.answered[next(iter(self.answered))]
        return True

    def learn(self, other: Transaction) -> None:
        """Take over what another process has noted of it that had the station meanwhile."""
        self.numbers = other.numbers | self.numbers
        self.answered = other.answered | self.answered
        self.heard_at, self.over = max(self.heard_at, other.heard_at), self.over or other.over
        if not self.id and self.ended is None:
            self.id, self.reply = other.id, other.reply
        if other.bound and not self.bound:
            self.bound, self.owner, self.copies, self.token = True, other.owner, other.copies, other.token
            self.answers, self.took = (), {}

    @property
    def doubtful(self) -> bool:
        """Return whether it may be over, or may never have begun: its end, or nothing but its start, was said."""
        return self.over or self.failed or not self.id

    def counts(self, now: float, silence: float) -> bool:
        """Return whether it is believed to run: its end may have got lost. It counts again when it is heard of.

        A calendar that is set back lets it count for as long again, from when that is seen; one that is set ahead ends
        belief early, which lets others reset and unlock, and takes neither its owner nor its numbers away.
        """
        self.heard_at = min(self.heard_at, now)
        return now - self.heard_at < (_DOUBTFUL if self.doubtful else silence)

    @property
    def renumbered(self) -> bool:
        """Return whether a backend knows it by another number than the station does, or by none yet (1.6)."""
        others = not self.numbers or any(str(number) != self.id for number in self.numbers.values())
        return bool(self.key and self.id) and others

    @property
    def record(self) -> TransactionRecord:
        """What is kept of it."""
        data = {
            "copies": self.copies,
            "answers": self.answers,
            "number": self.number,
            "numbers": self.numbers,
            "key": self.key,
            "reply": None if self.reply is None else self.reply.decode(),
            "bound": self.bound,
            "took": self.took,
            "told": list(self.told),
            "answered": self.answered,
            "heard_at": self.heard_at,
            "over": self.over,
            "failed": self.failed,
            "started": self.started,
            "meter": self.meter,
        }
        return TransactionRecord(
            self.station,
            self.ref,
            self.id,
            self.owner,
            self.connector,
            self.token,
            self.began,
            self.ended,
            compact(data),
        )


def end_after(others: Iterable[Transaction], now: float) -> float:
    """Return when a transaction has ended: after all others of its station, though the calendar was set back meanwhile.

    The last that ended are read again with the station's page: one that seemed older would be forgotten.
    """
    return max([now, *(each.ended + _APART for each in others if each.ended is not None)])


def read_transaction(record: TransactionRecord) -> Transaction:
    """Make a transaction of what was kept of it. Raise Unreadable for a record of another shape."""
    data = document(record)
    if data is None or not _is_known(record, data):
        raise Unreadable
    tx = Transaction(record.station, record.ref, record.owner, tuple(data["copies"]), record.began)
    tx.ended, tx.id, tx.key, tx.token = record.ended, record.id, data["key"], record.token
    tx.connector, tx.numbers, tx.bound = record.connector, data["numbers"], data["bound"]
    tx.number, tx.answers = data.get("number", 0), tuple(data.get("answers", ()))
    tx.reply = None if data["reply"] is None else data["reply"].encode()
    tx.took = data.get("took", {})
    tx.told.extend(data["told"])
    tx.answered = data.get("answered", {})
    tx.heard_at = data.get("heard_at", record.began)
    tx.over, tx.failed, tx.started = data.get("over", False), data.get("failed", False), data.get("started", "")
    tx.meter = data.get("meter")
    return tx


_NEEDED = {"copies", "numbers", "key", "reply", "bound", "told"}
_NONE = type(None)
_SHAPE: dict[str, Any] = {
    "copies": [str],
    "answers": [str],
    "number": int,
    "numbers": {str: int},
    "key": str,
    "reply": (str, _NONE),
    "bound": bool,
    "took": {str: [str]},
    "told": [str],
    "answered": {str: str},
    "heard_at": (int, float),
    "over": bool,
    "failed": bool,
    "started": str,
    "meter": (int, float, _NONE),
}
_COLUMNS = {
    "id": str,
    "owner": str,
    "token": str,
    "connector": (int, _NONE),
    "began": (int, float),
    "ended": (int, float, _NONE),
}


def _is_known(record: TransactionRecord, data: dict[str, Any]) -> bool:
    """Return whether a record is one that `Transaction.record` makes, or made in an earlier version."""
    columns = all(_is(getattr(record, name), shape) for name, shape in _COLUMNS.items())
    return columns and data.keys() >= _NEEDED and all(_is(data[name], _SHAPE[name]) for name in data if name in _SHAPE)


def _is(value: Any, shape: Any) -> bool:
    """Return whether a value is of a shape: a class or several, a list of one shape, or a dictionary."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(_is(each, shape[0]) for each in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(_is(each, shape[str]) for each in value.values())
    return isinstance(value, shape)


def said(call: Call) -> str:
    """Return a short name of what a message says: two that have the same are one, said twice.

    A station that says an event of 2.x again may add that it was offline meanwhile.
    """
    if not call.said:
        content = bytes(call.payload)
        if call.action == "TransactionEvent":
            content = compact({name: value for name, value in call.fields.items() if name != "offline"})
        call.said = digest(call.action, content)
    return call.said
