"""Traces: where spans go, and of how many calls there are some."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, Field

from voltgate.config.values import RESTART, Section, Text, split_url

_NEEDED = "opentelemetry.exporter.otlp.proto.http"


def _endpoint(url: str) -> str:
    parts = split_url(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address of a collector: write one like http://127.0.0.1:4318/v1/traces")
    if not _is_installed():
        raise ValueError("OpenTelemetry is not installed: install `voltgate[traces]`")
    return url


def _is_installed() -> bool:
    try:
        return find_spec(_NEEDED) is not None
    except ModuleNotFoundError:
        return False


class Traces(Section):
    """Traces by OpenTelemetry."""

    endpoint: Annotated[Text, AfterValidator(_endpoint)] | None = Field(
        default=None,
        description="The collector, by OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`. Without it there are no "
        "traces. Takes the extra `voltgate[traces]`; headers are given in `OTEL_EXPORTER_OTLP_HEADERS`.",
        json_schema_extra=RESTART,
    )
    share: float = Field(
        default=0.1, gt=0, le=1, description="The share of calls that are traced.", json_schema_extra=RESTART
    )
    name: Text = Field(default="voltgate", description="The name of the service.", json_schema_extra=RESTART)
