"""Traces, as a process is made of them."""

from __future__ import annotations

from voltgate.config import Config
from voltgate.relay.tap import Taps
from voltgate.telemetry.traces import Traces, otlp


def traces_of(config: Config, taps: Taps) -> Traces | None:
    """Return what traces calls from now on; None if nothing is to."""
    section = config.traces
    if section.endpoint is None:
        return None
    traces = Traces(section.share, otlp(section.endpoint), section.name)
    taps.tracer = traces
    taps.open(None, traces.take)
    return traces
