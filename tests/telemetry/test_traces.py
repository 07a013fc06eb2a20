"""Traces without a collector: how many calls are traced, and what becomes of spans that nobody takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

import voltgate.config.traces as section
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.relay.tap import Overheard
from voltgate.telemetry import traces
from voltgate.telemetry.traces import Traces


def heard(at: float) -> Overheard:
    """Give a call of a station that was answered."""
    call = Call("m1", "Heartbeat", b"{}")
    call.at = at
    return Overheard("CP1", "from_station", 1e9 + at, call, Result("m1", b"{}"), 0.01, "main")


class Collector:
    """Takes spans, or not."""

    def __init__(self) -> None:
        self.takes = True
        self.spans: list[Any] = []

    def __call__(self, spans: Sequence[Any], /) -> bool:
        if self.takes:
            self.spans += spans
        return self.takes


async def test_a_share_is_traced() -> None:
    """About the share of calls is, and the carriers are told of exactly these, under the ids that their spans have."""
    collector = Collector()
    traced = Traces(0.3, collector)
    every = [heard(number / 1000) for number in range(1, 2001)]
    for each in every:
        traced.take(each)
    contexts = {traced.context_of("CP1", each.call) for each in every} - {None}
    await traced.close()
    assert 450 < len(collector.spans) < 750
    said = {f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01" for span in collector.spans}
    assert said == contexts
    assert traced.counts.exported == len(collector.spans)


async def test_what_an_error_says_is_not_told() -> None:
    """Its description is a text of a backend or a station, and may name a card: the collector gets the code."""
    collector = Collector()
    traced, refused = Traces(1.0, collector), heard(1.0)
    traced.take(refused._replace(reply=Error("m1", "GenericError", "unknown idTag CANARY", b"{}")))
    await traced.close()
    assert "CANARY" not in collector.spans[0].to_json()
    assert collector.spans[0].status.description == "GenericError"


async def test_what_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while too many wait is dropped, and so is what is left when the collector is away at the end."""
    monkeypatch.setattr(traces, "MOST", 600)
    collector = Collector()
    collector.takes = False
    traced = Traces(1.0, collector)
    for number in range(1, 1001):
        traced.take(heard(number / 1000))
    assert traced.counts.dropped == 400
    await traced.close()
    assert dict(traced.numbers) == {"exported_total": 0, "dropped_total": 1000}


@pytest.mark.parametrize("url", ["ws://collector:4318", "http:///v1/traces", "collector"])
def test_an_endpoint_that_is_none(url: str) -> None:
    """An address that no spans can go to is a mistake."""
    with pytest.raises(ValidationError, match="is no address of a collector"):
        section.Traces(endpoint=url)


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for traces without the extra is told which one to install."""
    monkeypatch.setattr(section, "_NEEDED", "opentelemetry.none.of.it")
    with pytest.raises(ValidationError, match=r"voltgate\[traces\]"):
        section.Traces(endpoint="http://127.0.0.1:4318/v1/traces")
