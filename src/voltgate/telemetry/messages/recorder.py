"""The recorder: takes what the taps hear and hands it to the writer, and never waits for it."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from voltgate.ocpp.globs import compile_glob
from voltgate.relay.events import Event, StationRefused
from voltgate.relay.tap import FROM_BACKEND, FROM_STATION, Heard
from voltgate.telemetry.messages.entries import MALFORMED, NEITHER, REFUSED, Row, entries_of, odd_entry
from voltgate.telemetry.messages.masking import Mask
from voltgate.telemetry.messages.writer import HEAD, Dropped, Report, Settings, framed

MOST = 32 << 20
"""Bytes that wait for the writer at most: what comes while there are more is dropped, and counted."""
_AT_ONCE = 512
"""Entries that are handed over at once."""
_LATEST = 0.02
"""Seconds between two times that entries are handed over: so long may one wait for others."""
_REFUSALS, _REFUSALS_AT_ONCE = 10.0, 500
"""Refused handshakes that are recorded a second, and more at once after a quiet time: any stranger can have one."""
_LAST_WORDS = 5.0
"""Seconds that the writer may take to end."""
_AGAIN = 1.0
"""Seconds before a writer that has ended is begun again."""
_WRITER = (sys.executable, "-P", "-m", "voltgate.telemetry.messages.writer")
_BATCH = b"\x82\xa4type\xa5batch\xa7entries"
"""A message pack of the type "batch", up to its entries."""

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class Recording:
    """Which stations are recorded: those that a glob matches, by what the directory compares, and those on routes.

    It ends at `until`, in seconds since 1970; None: it does not.
    """

    stations: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    until: float | None = None

    def wants(self, key: str, route: str) -> bool:
        """Return whether a station is recorded."""
        return route in self.routes or any(compile_glob(glob).match(key) for glob in self.stations)

    def __bool__(self) -> bool:
        return bool(self.stations or self.routes)


NOTHING = Recording()


@dataclass(slots=True)
class LogCounts:
    """What became of entries: `recorded` were made, `written` are on disk, `lost` are not and never will be.

    Of these `dropped` were not handed over, or to a writer that ended before it had written them.
    """

    recorded: int = 0
    dropped: int = 0
    report: Report = field(default_factory=Report)
    before: Report = field(default_factory=Report)
    """What writers that have ended had said."""
    restarts: int = 0

    @property
    def numbers(self) -> Mapping[str, float]:
        """All of it, for /metrics."""
        return {
            "recorded_total": self.recorded,
            "written_total": self.written,
            "dropped_total": self.lost,
            "writer_restarts_total": self.restarts,
            "log_bytes": self.report.bytes,
            "log_segments": self.report.segments,
        }

    @property
    def written(self) -> int:
        """Entries on disk."""
        return self.before.written + self.report.written

    @property
    def lost(self) -> int:
        """Entries that were dropped, here or by the writer."""
        return self.dropped + self.before.dropped + self.report.dropped


class Recorder:
    """Records messages: a `Recorder` as taps know it.

    `clock` gives the seconds of the wheel, `wall` those since 1970; `key` makes of an identity what globs are compared
    with. `command` begins the writer.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        wall: Callable[[], float],
        key: Callable[[str], str],
        command: Sequence[str] = _WRITER,
    ) -> None:
        self.settings = settings
        self.mask = Mask(off=not settings.mask)
        """What is shown of messages as they pass: what is written of them."""
        self.counts = LogCounts()
        self._configured = self._asked = NOTHING
        self._clock = clock
        self._wall = wall
        self._key = key
        self._command = command
        self._heard: list[Heard] = []
        self._odd: list[Row] = []
        self.take = self._heard.append
        self._waiting: deque[bytes] = deque()
        """What the writer gets when it has begun."""
        self._waiting_size = 0
        self._refusals = 0.0
        """When as many refused handshakes may be recorded at once as may be at all, on the clock."""
        self._owed = 0
        """Entries that were dropped, and that the writer does not know of."""
        self._handed = 0
        """Entries that this writer has been handed."""
        self._encode = msgspec.msgpack.Encoder().encode
        self._pipe: asyncio.WriteTransport | None = None
        self._is_on = asyncio.Event()
        self._is_wanted = asyncio.Event()
        self._has_begun, self._is_over = asyncio.Event(), asyncio.Event()
        """Whether there is a writer, and whether there was one."""
        self._closing = False
        self._failed = False

    @property
    def work(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """What is to be done again and again, by name."""
        return (("entries", self.tick), ("writer", self.run))

    # What is recorded.

    @property
    def asked(self) -> Recording:
        """What is recorded because somebody has asked for it at run time."""
        asked = self._asked
        return NOTHING if asked.until is not None and asked.until <= self._wall() else asked

    @asked.setter
    def asked(self, asked: Recording) -> None:
        self._asked = asked
        self._is_on.set()

    @property
    def recordings(self) -> tuple[Recording, Recording]:
        """What is recorded now: by the configuration, and as somebody has asked."""
        return self._configured, self.asked

    def wants(self, key: str, route: str) -> bool:
        """Return whether the messages of a station on this route are recorded."""
        return self._configured.wants(key, route) or self.asked.wants(key, route)

    def follow(self, settings: Settings, configured: Recording) -> None:
        """Go by another configuration."""
        self._configured = configured
        self._is_on.set()
        if settings != self.settings:
            self.flush()
            self.settings = settings
            self.mask = Mask(off=not settings.mask, key=self.mask.key)
            if self._pipe is not None:
                self._pipe.write(self._order())

    # What is heard.

    def malformed(self, station: str, backend: str | None, at: float, text: bytes, why: str) -> None:
        """Take a frame that is no message."""
        direction = FROM_STATION if backend is None else FROM_BACKEND
        self._odd.append(odd_entry(MALFORMED, station, at, text, why, backend, direction))

    def note(self, event: Event) -> None:
        """Take an event: a handshake that was refused is recorded if its station would be."""
        if isinstance(event, StationRefused) and self.wants(self._key(event.station), ""):
            now = self._clock()
            if self._refusals - now > _REFUSALS_AT_ONCE / _REFUSALS:
                self._drop(1)
                return
            self._refusals = max(self._refusals, now) + 1 / _REFUSALS
            target, why = (
                event.target.encode(errors="replace"),
                f"{event.status}: {event.reason} (from {event.address})",
            )
            self._odd.append(odd_entry(REFUSED, event.station, self._wall(), target, why, None, NEITHER))

    # Handing over.

    async def tick(self) -> None:
        """Hand over what there is, a few times a second as long as anything is recorded."""
        await self._is_on.wait()
        await asyncio.sleep(_LATEST)
        if not any(self.recordings):
            self._is_on.clear()
        self.flush()

    def flush(self) -> None:
        """Hand over what there is, unless the writer does not keep up."""
        heard, odd = self._heard, self._odd
        if not heard and not odd:
            return
        self._is_wanted.set()
        every, rows = heard[:], odd[:]
        heard.clear()
        odd.clear()
        self.counts.recorded += len(every) + len(rows)
        since = self._wall() - self._clock()
        for start in range(0, len(every), _AT_ONCE):
            self._encode_and_send(every[start : start + _AT_ONCE], [], since)
        if rows:
            self._encode_and_send([], rows, since)

    def _encode_and_send(self, heard: list[Heard], odd: list[Row], since: float) -> None:
        """Hand over a few; one that cannot be written down takes none of the others with it."""
        try:
            rows = [*entries_of(heard, since), *odd]
            body = self._encode(rows)
        except Exception as fault:
            if len(heard) + len(odd) > 1:
                for each in heard:
                    self._encode_and_send([each], [], since)
                for row in odd:
                    self._encode_and_send([], [row], since)
                return
            self._give_up(fault)
        else:
            self._hand_over(body, len(heard) + len(odd))

    def _give_up(self, fault: Exception) -> None:
        """Drop one entry that is none; what it holds is not logged, as nobody has masked it."""
        if not self._failed:
            self._failed = True
            log.error("a fault of Voltgate: a message cannot be written down, nor others like it", problem=str(fault))
        self._drop(1)

    def _hand_over(self, body: bytes, number: int) -> None:
        pipe = self._pipe
        if (self._waiting_size if pipe is None else pipe.get_write_buffer_size()) > MOST:
            self._drop(number)
            return
        owed, self._owed = self._owed, 0
        dropped = framed(Dropped(owed)) if owed else b""
        frame = b"".join((dropped, (len(_BATCH) + len(body)).to_bytes(HEAD, "big"), _BATCH, body))
        self._handed += number
        if pipe is None:
            self._waiting.append(frame)
            self._waiting_size += len(frame)
        else:
            pipe.write(frame)

    def _drop(self, number: int) -> None:
        self.counts.dropped += number
        self._owed += number

    # The writer.

    async def run(self) -> None:
        """Keep a writer from the first entry on, until `close`. To be done again and again."""
        await self._is_wanted.wait()
        if self._closing:
            await asyncio.Event().wait()
        await self._serve()
        if not self._closing:
            log.error("the writer of the message log has ended: it is begun again", folder=self.settings.folder)
            self.counts.restarts += 1
            await asyncio.sleep(_AGAIN)

    async def _serve(self) -> None:
        """Begin a writer, and hear what it says until it ends."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, start_new_session=True)
        assert process.stdin is not None  # noqa: S101 - it has pipes
        assert process.stdout is not None  # noqa: S101
        self._pipe = process.stdin.transport
        self._has_begun.set()
        self._is_over.clear()
        self._pipe.write(self._order())
        while self._waiting:
            self._pipe.write(self._waiting.popleft())
        self._waiting_size = 0
        try:
            async for line in process.stdout:
                self._listen(msgspec.json.decode(line, type=Report))
            await process.wait()
        finally:
            self._pipe = None
            self._has_begun.clear()
            self._is_over.set()
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._account()

    def _order(self) -> bytes:
        """Return what the writer is to go by."""
        return framed(msgspec.structs.replace(self.settings, key=self.mask.key))

    def _listen(self, report: Report) -> None:
        before, self.counts.report = self.counts.report.problem, report
        if report.problem and report.problem != before:
            log.error("messages cannot be written to the log, and are dropped", problem=report.problem)
        elif before and not report.problem:
            log.info("messages are written to the log again")

    def _account(self) -> None:
        """Count what a writer that has ended was handed and did not write, as far as it has said."""
        report, before = self.counts.report, self.counts.before
        self._drop(max(0, self._handed - report.written - report.dropped))
        self._handed = 0
        before.written += report.written
        before.dropped += report.dropped
        self.counts.report = Report(bytes=report.bytes, segments=report.segments)

    async def close(self) -> None:
        """Hand over the rest, also to a writer that only begins, and have it end: at once if that takes too long."""
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                if self._is_wanted.is_set():
                    await self._has_begun.wait()
                self._closing = True
                if self._pipe is not None:
                    self._pipe.close()
                    await self._is_over.wait()
        self._closing = True
