"""Traces: a span for each call on each hop, to a collector by OTLP over HTTP. No message waits for them.

The ids of spans are made of the call itself, so that nothing has to be remembered between its hops: who asked is the
parent of what was asked because of it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

import structlog

from voltgate.ocpp.messages import Call, Error, Unanswered
from voltgate.relay.tap import Overheard

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

MOST = 8192
"""Calls that wait to be exported: what comes while there are more is dropped, and counted."""
_AT_ONCE = 512
_PAUSE = 0.5
"""Seconds between two exports."""
_LAST = 3.0
"""Seconds that the last export may take when the process ends."""
_PATIENCE = 5.0
"""Seconds that the collector has to answer: so long may it keep the process when that ends."""
_WHOLE = 1 << 64
_INCOMING = frozenset({"from_station", "from_backend"})
_KIND = {"from_station": "SERVER", "from_backend": "SERVER", "to_station": "CLIENT", "to_backend": "CLIENT"}

log = structlog.get_logger("voltgate")


class Export(Protocol):
    """Sends spans to the collector; may take its time."""

    def __call__(self, spans: Sequence[ReadableSpan], /) -> bool:
        """Send them; return whether they arrived."""


@dataclass(slots=True)
class TraceCounts:
    """What became of spans."""

    exported: int = 0
    dropped: int = 0


class Traces:
    """Takes what taps hear of a `share` of all calls, and exports it. It is a `Tracer`, too."""

    def __init__(self, share: float, export: Export, name: str = "voltgate") -> None:
        self.counts = TraceCounts()
        self._least = int(share * _WHOLE)
        self._export = export
        self._name = name
        self._key = os.urandom(16)
        self._waiting: deque[tuple[bytes, Overheard]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="traces")
        self._failing = False

    @property
    def numbers(self) -> Mapping[str, float]:
        """How many spans were exported and dropped, for /metrics."""
        return {"exported_total": self.counts.exported, "dropped_total": self.counts.dropped}

    def context_of(self, station: str, call: Call) -> str | None:
        """Return the context of a call of a station; None if it is not traced."""
        ids = self._ids(station, call)
        return f"00-{ids[:16].hex()}-{ids[16:].hex()}-01" if self._is_sampled(ids) else None

    def take(self, overheard: Overheard) -> None:
        """Take a call with what came of it."""
        ids = self._ids(overheard.station, overheard.call)
        if not self._is_sampled(ids):
            return
        if len(self._waiting) >= MOST:
            self.counts.dropped += 1
        else:
            self._waiting.append((ids, overheard))

    def _ids(self, station: str, call: Call) -> bytes:
        """Return the 16 bytes of the trace's id, and the 8 of the first span's: the same for all hops of a call."""
        began = (call.original or call).at or call.at
        return blake2b(f"{int(began * 1e6)} {station}".encode(), key=self._key, digest_size=24).digest()

    def _is_sampled(self, ids: bytes) -> bool:
        return int.from_bytes(ids[8:16], "big") < self._least

    # Exporting.

    async def run(self) -> None:
        """Export what there is. To be done again and again."""
        await asyncio.sleep(_PAUSE)
        while self._waiting:
            await self._flush()

    async def close(self) -> None:
        """Export the rest, as far as the collector takes it at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST):
                while self._waiting and not self._failing:
                    await self._flush()
        self.counts.dropped += len(self._waiting)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _flush(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        arrived = False
        try:
            arrived = await asyncio.get_running_loop().run_in_executor(self._pool, self._sent, batch)
        finally:
            if arrived:
                self.counts.exported += len(batch)
            else:
                self.counts.dropped += len(batch)
        if arrived is self._failing:
            self._failing = not arrived
            if arrived:
                log.info("the collector takes traces again")
            else:
                log.error("the collector does not take traces: they are dropped")

    def _sent(self, batch: Sequence[tuple[bytes, Overheard]]) -> bool:
        return self._export([span_of(ids, overheard, self._name) for ids, overheard in batch])


def span_of(ids: bytes, overheard: Overheard, name: str) -> ReadableSpan:
    """Return the span of a call on one hop. Attributes are Voltgate's own, but for those of errors and services."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - of an extra
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

    trace, first = int.from_bytes(ids[:16], "big"), int.from_bytes(ids[16:], "big")
    flags, way = TraceFlags(TraceFlags.SAMPLED), overheard.direction
    is_first = way in _INCOMING or (way == "to_station" and overheard.backend is None)
    number = first if is_first else _span_id(ids, overheard)
    began = int(overheard.at * 1e9)
    reply = overheard.reply
    failed = reply.code if isinstance(reply, Error) else None  # its description may name a card, and nobody masks it
    return ReadableSpan(
        overheard.call.action,
        SpanContext(trace, number, is_remote=False, trace_flags=flags),
        None if is_first else SpanContext(trace, first, is_remote=False, trace_flags=flags),
        Resource({"service.name": name}),
        {key: value for key, value in _attributes(overheard).items() if value is not None},
        kind=SpanKind[_KIND[way]],
        status=Status(StatusCode.UNSET) if failed is None else Status(StatusCode.ERROR, failed),
        start_time=began,
        end_time=began + int((overheard.took or 0.0) * 1e9),
    )


def _span_id(ids: bytes, overheard: Overheard) -> int:
    hop = f"{overheard.direction} {overheard.backend} {overheard.call.at}".encode()
    return int.from_bytes(blake2b(hop, key=ids, digest_size=8).digest(), "big")


def _attributes(overheard: Overheard) -> Mapping[str, str | None]:
    reply = overheard.reply
    outcome = "unanswered" if reply is None or isinstance(reply, Unanswered) else "result"
    return {
        "ocpp.station": overheard.station,
        "ocpp.action": overheard.call.action,
        "ocpp.message_id": overheard.call.id,
        "voltgate.direction": overheard.direction,
        "voltgate.backend": overheard.backend,
        "voltgate.outcome": "error" if isinstance(reply, Error) and outcome == "result" else outcome,
        "error.type": reply.code if isinstance(reply, Error) else None,
    }


def otlp(endpoint: str) -> Export:
    """Return what sends spans to a collector, by OTLP over HTTP. Raises ImportError without the extra `traces`."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - of an extra
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

    exporter = OTLPSpanExporter(endpoint, timeout=_PATIENCE)
    return lambda spans: exporter.export(spans) is SpanExportResult.SUCCESS
