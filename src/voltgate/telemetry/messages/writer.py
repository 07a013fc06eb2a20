"""The writer: a process beside the gateway that masks what it is handed and writes it to the log.

It is handed frames on its standard input, each four bytes of length and a message: `Settings`, `Batch` or `Dropped`.
On its standard output it says what became of them, one `Report` in JSON a line. It ends when its input does.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
from msgspec.structs import replace

from voltgate.ocpp.framing import decode
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.tap import TO_BACKEND
from voltgate.telemetry.messages.changes import change_of
from voltgate.telemetry.messages.entries import LOST, MALFORMED, REFUSED, RESULT, Entry
from voltgate.telemetry.messages.masking import Mask
from voltgate.telemetry.messages.segments import Bounds, Record, Segments, weight_of
from voltgate.telemetry.messages.shares import Shares

HEAD = 4
_AT_ONCE = 4000
"""Records that are written at once at most."""
_LATEST = 0.25
"""Seconds that a record may wait for others."""
_TELL = 1.0
"""Seconds between two reports of the same."""
_TELL_SHARES = 10.0
"""Seconds between two times that the log says who had more to say than its share."""
_READ = 1 << 20


class Settings(msgspec.Struct, tag="settings"):
    """Where the log is, how much of it is kept, and whether it is masked: with the pseudonyms of this key."""

    folder: str
    most_bytes: int
    most_seconds: float
    mask: bool = True
    key: bytes = b""


class Batch(msgspec.Struct, tag="batch"):
    """Entries, in the order in which they came to be."""

    entries: list[Entry]


class Dropped(msgspec.Struct, tag="dropped"):
    """Entries that there should be more, as nobody took them in time."""

    number: int


class Report(msgspec.Struct):
    """What has become of entries since the writer began: written, or dropped; and the log as it is."""

    written: int = 0
    dropped: int = 0
    bytes: int = 0
    segments: int = 0
    problem: str = ""


_Words: TypeAlias = "tuple[str, str, bytes | None, str | None, str, bytes | None, str | None, dict[str, str]]"
"""The message id, the action and the payload of a call, as they were and masked; the same of its answer; the tokens."""

Order = Settings | Batch | Dropped
_orders = msgspec.msgpack.Decoder(Order)
_encode = msgspec.msgpack.Encoder().encode


def framed(order: Settings | Dropped) -> bytes:
    """Return an order as it goes to the writer."""
    body = _encode(order)
    return len(body).to_bytes(HEAD, "big") + body


class Writer:
    """Writes what it is handed. `say` takes reports."""

    def __init__(self, say: IO[bytes]) -> None:
        self._say = say
        self._mask = Mask()
        self._segments: Segments | None = None
        self._folder = ""
        """"": it has not been told yet, and may begin nowhere."""
        self._lock: IO[bytes] | None = None
        self._records: list[Record] = []
        self._began = 0.0
        """When the oldest record that is not written came."""
        self._lost = 0
        """Entries that there should be more, and that no record says yet."""
        self._shares = Shares()
        self._beyond: dict[str, int] = {}
        """Entries of stations that had their share, and that no record says yet."""
        self._beyond_told = 0.0
        self.report = Report()
        self._told = 0.0
        self._tidied = 0.0

    @property
    def patience(self) -> float | None:
        """How long it may wait for more, in seconds; None: for ever."""
        if self._records:
            return max(0.0, self._began + _LATEST - time.monotonic())
        return _TELL

    # Orders.

    def take(self, order: Order) -> None:
        """Take one order."""
        match order:
            case Settings():
                self._settle(order)
            case Dropped(number):
                self._lost += number
            case Batch(entries):
                if not self._records:
                    self._began = time.monotonic()
                for entry in entries:
                    self._add(entry)
                if len(self._records) >= _AT_ONCE:
                    self.write()

    def _settle(self, settings: Settings) -> None:
        if self._mask.off is settings.mask or self._mask.key != settings.key:
            self._mask = Mask(off=not settings.mask, key=settings.key)
        bounds = self._bounds = Bounds(settings.most_bytes, settings.most_seconds)
        if self._segments is not None and settings.folder == self._folder:
            self._segments.bounds = bounds
            return
        self.write()
        self.close()
        self._folder = settings.folder
        self._begin()

    def _begin(self) -> None:
        """Take the folder, unless another process has it."""
        folder = Path(self._folder)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            is_taken = isinstance(error, BlockingIOError)
            self.close()
            self._problem(f"{folder}: {'another gateway writes its log there' if is_taken else error.strerror}")
            return
        self._segments = Segments(folder, self._bounds)

    # Entries.

    def _add(self, entry: Entry) -> None:
        if self._segments is None and self._folder:
            self._begin()
        number = 1 if entry.took_backend is None else 2
        try:
            if self._segments is not None:
                for record in self._records_of(entry, self._segments):
                    self._keep(record, entry.station, self._segments)
                return
        except Exception as fault:  # of ours: those beside it are written all the same
            self._problem(f"a fault of Voltgate: an entry cannot be masked: {type(fault).__name__}")
        self.report.dropped += number
        self._lost += number

    def _keep(self, record: Record, station: str, segments: Segments) -> None:
        """Keep a record to be written, unless its station has had its share of a log that is full."""
        if self._shares.takes(station, weight_of(record), time.monotonic(), self._bounds, is_full=segments.is_full):
            self._records.append(record)
        else:
            self.report.dropped += 1
            self._beyond[station] = self._beyond.get(station, 0) + 1

    def _records_of(self, entry: Entry, segments: Segments) -> list[Record]:
        """Return what an entry says: of a call's two legs the backend's first."""
        words = None if entry.kind in (MALFORMED, REFUSED) else self._masked(entry)
        legs = [entry]
        if entry.took_backend is not None:
            leg = replace(entry, direction=TO_BACKEND, took=entry.took_backend, route=None, rule=None, decided=None)
            legs.insert(0, leg)
        return [self._record(leg, words, segments.number(leg.at)) for leg in legs]

    def _record(self, entry: Entry, words: _Words | None, record_id: int) -> Record:
        mask, found, outcome = self._mask, dict[str, str](), entry.outcome
        if words is None:
            body = (entry.body or b"").decode(errors="backslashreplace").replace("\0", "")  # of UTF-16 the letters
            payload: str | None = mask.target(body) if entry.kind == REFUSED else mask.text(body)
            reply, changed, message_id, action = None, None, "", ""
        else:
            message_id, action, said, payload, answered_id, answered, reply, found = words
            changed = self._change(entry, said, answered) if entry.was or entry.reply_was else None
            if not entry.message_id and entry.direction == TO_BACKEND:
                message_id = answered_id or message_id
            outcome = RESULT if outcome is None and answered_id else outcome
        description = entry.description
        if description and entry.kind != REFUSED:  # why a handshake was refused are our own words: "Wrong … password"
            description = mask.words(description, found)
        return (
            record_id, entry.kind, entry.station, entry.direction, entry.backend, message_id, action,
            payload, outcome, reply, entry.code, description, entry.took, entry.route, entry.rule,
            entry.decided, entry.call, changed,
        )  # fmt: skip

    def _masked(self, entry: Entry) -> _Words:
        """Read and mask what was said."""
        found: dict[str, str] = {}
        message_id, action, said = _call(entry)
        payload = None if said is None else _shown(self._mask.payload(said, found))
        answered_id, answered = _reply(entry.reply)
        reply = None if answered is None else _shown(self._mask.answer(answered, found))
        return message_id, action, said, payload, answered_id, answered, reply, found

    def _change(self, entry: Entry, said: bytes | None, answered: bytes | None) -> str | None:
        mask, changes = self._mask, []
        if entry.was and said is not None:
            changes.append(change_of(mask.payload(entry.was), mask.payload(said), entry.direction))
        if entry.reply_was and answered is not None:
            change = change_of(mask.payload(entry.reply_was), mask.payload(answered), entry.direction)
            changes.append(change and f"answer: {change}")
        return "; ".join(filter(None, changes)) or None

    # Writing.

    def write(self) -> None:
        """Write what has come; what cannot be written is dropped and counted."""
        records, self._records = self._records, []
        if self._segments is None or not (records or self._lost or self._beyond):
            return
        now, lost, told = time.time(), self._lost, self._excess()
        try:
            self._segments.write([*self._losses(now), *told, *records], now)
        except (OSError, sqlite3.Error) as error:
            self.report.dropped += len(records)
            self._lost += len(records)
            self._problem(f"{self._folder}: {error}")
            return
        self._lost -= lost
        self._beyond = {} if told else self._beyond
        self.report.written += len(records)
        self.report.problem = ""
        self.tell(at_once=True)

    def _losses(self, now: float) -> list[Record]:
        """Return the record that says how many there should be more before it."""
        if not self._lost or self._segments is None:
            return []
        why = f"{self._lost} entries that were made before this are not here: they could not be written in time"
        return self._records_of(Entry(LOST, now, "", description=why), self._segments)

    def _excess(self) -> list[Record]:
        """Return the records that say who had more to say than its share; none if that was said a moment ago."""
        now = time.monotonic()
        if not self._beyond or self._segments is None or now - self._beyond_told < _TELL_SHARES:
            return []
        self._beyond_told = now
        told: list[Record] = []
        for station, number in self._beyond.items():
            why = (
                f"{number} entries of {station} that were made before this are not here: it had its share of a full log"
            )
            told += self._records_of(Entry(LOST, time.time(), station, description=why), self._segments)
        return told

    def idle(self) -> None:
        """Do what is due: write what has waited for long enough, tidy, report."""
        now = time.monotonic()
        is_short = self._lost or (self._beyond and now - self._beyond_told >= _TELL_SHARES)
        if (self._records and now - self._began >= _LATEST) or (is_short and not self._records):
            self.write()
        if now - self._tidied >= 60.0 and self._segments is not None:
            self._tidied = now
            try:
                self._segments.tidy(time.time())
            except OSError as error:
                self._problem(f"{self._folder}: {error}")
        self.tell()

    def close(self) -> None:
        """End: the folder may be another's."""
        if self._segments is not None:
            self._segments.close()
        if self._lock is not None:
            self._lock.close()
        self._segments = self._lock = None

    # Reports.

    def _problem(self, problem: str) -> None:
        self.report.problem = problem
        self.tell(at_once=True)

    def tell(self, *, at_once: bool = False) -> None:
        """Report: at once, or when that was a while ago; how large the log is only then."""
        now = time.monotonic()
        is_due = now - self._told >= _TELL
        if not (at_once or is_due):
            return
        if is_due and self._segments is not None:
            self._told = now
            self.report.bytes, self.report.segments = self._segments.size, self._segments.count
        self._say.write(msgspec.json.encode(self.report) + b"\n")
        self._say.flush()


def _call(entry: Entry) -> tuple[str, str, bytes | None]:
    """Return the message id, the action and the payload of an entry."""
    body = entry.body
    if body is None or body[:1] != b"[":
        return entry.message_id, entry.action, body
    match decode(body):
        case Call(id=message_id, action=action, payload=payload):
            return entry.message_id or message_id, entry.action or action, bytes(payload)
        case _:
            return entry.message_id, entry.action, body


def _reply(reply: bytes | None) -> tuple[str, bytes | None]:
    """Return the message id and the payload of an answer; "" where it is not known."""
    if reply is None or reply[:1] != b"[":
        return "", reply
    match decode(reply):
        case Result(id=message_id, payload=payload):
            return message_id, bytes(payload)
        case _:
            return "", reply


def _shown(payload: bytes) -> str:
    return payload.decode(errors="replace")


def run(source: int, say: IO[bytes]) -> None:
    """Write until the source ends."""
    writer = Writer(say)
    waiting = bytearray()
    while True:
        ready, _, _ = select.select([source], [], [], writer.patience)
        if ready:
            read = os.read(source, _READ)
            if not read:
                break
            waiting += read
            _take_all(writer, waiting)
        writer.idle()
    writer.write()
    writer.close()
    writer.tell(at_once=True)


def _take_all(writer: Writer, waiting: bytearray) -> None:
    at = 0
    while len(waiting) - at >= HEAD:
        end = at + HEAD + int.from_bytes(waiting[at : at + HEAD], "big")
        if len(waiting) < end:
            break
        writer.take(_orders.decode(memoryview(waiting)[at + HEAD : end].tobytes()))
        at = end
    del waiting[:at]


def main() -> None:
    """Write what comes on standard input; signals are for the gateway, whose end is the end of that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    try:
        run(sys.stdin.fileno(), sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
