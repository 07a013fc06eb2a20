"""Logs: one line for each connect, disconnect, refusal and change of a link; text on a terminal, JSON otherwise."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import msgspec
import structlog

from voltgate.relay.events import (
    BackendLeftOut,
    BackendMoved,
    CarrierDown,
    CarrierUp,
    ClaimContested,
    ClaimsChanged,
    CommandRefused,
    Event,
    GivenUp,
    LegDown,
    LegUp,
    StationAccepted,
    StationCame,
    StationMoved,
    StationRefused,
    StationWent,
    TransactionBegan,
)

log = structlog.get_logger("voltgate")


class _Threshold:
    """The lowest level that is logged, compared before an event is formatted."""

    level = logging.INFO


def configure(level: str, form: Literal["auto", "human", "json"]) -> None:
    """Send logs to standard error from `level` up."""
    _Threshold.level = logging.getLevelNamesMapping()[level.upper()]
    human = form == "human" or (form == "auto" and sys.stderr.isatty())
    shape: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if human:
        plainly = structlog.dev.plain_traceback  # others show the values of variables, and so passwords and tokens
        shape.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plainly))
    else:
        shape += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    structlog.configure(
        processors=shape,
        wrapper_class=structlog.make_filtering_bound_logger(_Threshold.level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=max(logging.WARNING, _Threshold.level))


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _json(value: Any, **_: Any) -> str:
    return _encode(value).decode()


_LINES: dict[type[Event], tuple[int, str]] = {
    StationCame: (logging.INFO, "station came"),
    StationRefused: (logging.INFO, "station refused"),
    StationWent: (logging.INFO, "station went"),
    StationMoved: (logging.INFO, "station moved"),
    StationAccepted: (logging.INFO, "station accepted"),
    BackendLeftOut: (logging.INFO, "backend left out: it does not take this version"),
    LegUp: (logging.INFO, "backend linked"),
    LegDown: (logging.WARNING, "backend away"),
    CarrierUp: (logging.INFO, "carrier up"),
    CarrierDown: (logging.WARNING, "carrier down"),
    TransactionBegan: (logging.INFO, "transaction began"),
    GivenUp: (logging.ERROR, "message given up"),
    CommandRefused: (logging.WARNING, "command refused"),
    ClaimsChanged: (logging.INFO, "claims changed"),
    ClaimContested: (logging.WARNING, "station claimed by several backends"),
    BackendMoved: (logging.INFO, "backend moved"),
}
"""The level and the message of each event; the rest of the line are the event's fields."""


def write(event: Event) -> None:
    """Log an event."""
    level, message = _LINES[type(event)]
    if level >= _Threshold.level:
        log.log(level, message, **{field: _short(getattr(event, field)) for field in event.__slots__})


def _short(value: object) -> object:
    return round(value, 1) if isinstance(value, float) else value
