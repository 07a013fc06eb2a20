"""Traces, at a collector that speaks OTLP over HTTP: a span for each hop, and the same trace at the backends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.harness import Stage, free_port, until
from tests.scenarios.test_message_log import beats
from tests.soap_ends import SoapServer, response

TRACED: dict[str, Any] = {"share": 1, "name": "gates"}


class Collector:
    """Takes spans as a collector of OpenTelemetry does; may be told to fail, or to hang."""

    def __init__(self) -> None:
        self.port = free_port()
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.status = 200
        self.taken = 0
        self.going = asyncio.Event()
        self.going.set()

    @property
    def url(self) -> str:
        """Where it takes spans."""
        return f"http://127.0.0.1:{self.port}/v1/traces"

    async def take(self, request: web.Request) -> web.Response:
        """Take what is posted."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = await request.read()
        self.taken += 1
        await self.going.wait()
        if self.status == 200:
            packed = request.headers.get("content-encoding") == "gzip"
            read = ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body)
            for of_service in read.resource_spans:
                self.services |= {each.value.string_value for each in of_service.resource.attributes}
                for scope in of_service.scope_spans:
                    self.spans += scope.spans
        return web.Response(status=self.status)

    def by_hop(self, action: str) -> dict[str, Any]:
        """Give the spans of an action, by direction and backend."""
        found = {}
        for span in self.spans:
            if span.name == action:
                said = {each.key: each.value.string_value for each in span.attributes}
                found[f"{said['voltgate.direction']} {said.get('voltgate.backend', '')}".strip()] = span
        return found


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    made = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    try:
        yield made
    finally:
        made.going.set()
        await runner.cleanup()


async def test_a_span_for_each_hop(stage: Stage) -> None:
    """A call that two backends hear is three spans of a trace, which the SOAP one is told; a command is two."""
    await stage.backend("main")
    old = await SoapServer.start(stage)
    async with collector() as taking:
        await stage.gateway(traces={"endpoint": taking.url, **TRACED})
        station = await stage.station("CP1")
        main = await stage.backends["main"].station("CP1")
        await beats(stage, station, main)
        told = await old.expect("Heartbeat")
        await told.answer(response("Heartbeat", "<w:currentTime>2026-01-01T00:00:00Z</w:currentTime>", told.id))
        asked = await station.ask("Authorize", {"idTag": "04A2"})
        await main.fail(await main.expect("Authorize"), "InternalError", "out of order")
        await station.expect_error(asked)
        told = await old.expect("Authorize")
        info = "<w:idTagInfo><w:status>Accepted</w:status></w:idTagInfo>"
        await told.answer(response("Authorize", info, told.id))
        await main.ask("Reset", {"type": "Soft"}, "r")
        await station.answer(await station.expect("Reset"), {"status": "Accepted"})
        await main.expect_result("r")
        await until(lambda: len(taking.spans) >= 8, "all spans have come")

        hops = taking.by_hop("Authorize")
        assert set(hops) == {"from_station main", "to_backend main", "to_backend old"}
        first = hops.pop("from_station main")
        assert not first.parent_span_id
        assert {(span.trace_id, span.parent_span_id) for span in hops.values()} == {(first.trace_id, first.span_id)}
        assert len({first.span_id, *(span.span_id for span in hops.values())}) == 3
        assert told.http.headers["traceparent"] == f"00-{first.trace_id.hex()}-{first.span_id.hex()}-01"
        failed, well = hops["to_backend main"], hops["to_backend old"]
        assert (first.status.code, failed.status.code, well.status.code) == (2, 2, 0)
        assert first.status.message == "InternalError"  # its words may name a card
        assert failed.start_time_unix_nano <= failed.end_time_unix_nano
        assert abs(first.start_time_unix_nano - failed.start_time_unix_nano) < 60e9
        asked_by, asked_of = taking.by_hop("Reset")["from_backend main"], taking.by_hop("Reset")["to_station main"]
        assert (asked_of.trace_id, asked_of.parent_span_id) == (asked_by.trace_id, asked_by.span_id)
        assert asked_by.trace_id != first.trace_id
        assert "gates" in taking.services


async def test_a_collector_that_hangs_or_fails(stage: Stage) -> None:
    """It delays nobody; what it does not take is dropped, counted and told of, and what comes later arrives."""
    await stage.backend("main")
    async with collector() as taking:
        gateway = await stage.gateway(traces={"endpoint": taking.url, **TRACED}, store={"url": "off"})
        station, link = await stage.meet("CP1")
        taking.going.clear()
        await beats(stage, station, link)
        await until(lambda: taking.taken, "the collector has something, and says nothing")
        for _ in range(20):
            await beats(stage, station, link)
        taking.status = 400
        taking.going.set()
        await gateway.logged("the collector does not take traces")
        dropped = await until(lambda: gateway.metric("voltgate_traces_dropped_total"), "the loss is counted")
        taking.status = 200
        await beats(stage, station, link)
        await until(lambda: taking.spans, "spans come again")
        await gateway.logged("the collector takes traces again")
        assert dropped > 0
        assert await gateway.metric("voltgate_traces_exported_total") > 0
