"""Logs: one line for each coming, going, refusal and change of a link; human on a terminal, JSON otherwise."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import orjson
import structlog

from voltgate.relay.events import (
    CommandRefused,
    Event,
    GivenUp,
    LegDown,
    LegUp,
    StationCame,
    StationMoved,
    StationRefused,
    StationWent,
    TransactionBegan,
)

log = structlog.get_logger("voltgate")


class _Threshold:
    """The least level that is logged: looked at before a line is made of an event."""

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


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def write(event: Event) -> None:
    """Log what happened."""
    grave = isinstance(event, LegDown | GivenUp | CommandRefused)
    if _Threshold.level > (logging.WARNING if grave else logging.INFO):
        return
    match event:
        case StationCame():
            log.info(
                "station came",
                station=event.station,
                address=event.address,
                version=event.version,
                route=event.route,
                replaced=event.replaced,
            )
        case StationRefused():
            log.info(
                "station refused",
                station=event.station,
                target=event.target,
                address=event.address,
                status=event.status,
                reason=event.reason,
            )
        case StationWent():
            log.info(
                "station went",
                station=event.station,
                code=event.code,
                reason=event.reason,
                by=event.by,
                seconds=round(event.seconds, 1),
            )
        case StationMoved():
            log.info("station moved", station=event.station, route=event.route)
        case LegUp():
            log.info("backend linked", station=event.station, backend=event.backend, first=event.first)
        case LegDown():
            retry = None if event.retry is None else round(event.retry, 1)
            log.warning("backend away", station=event.station, backend=event.backend, reason=event.reason, retry=retry)
        case TransactionBegan():
            log.info(
                "transaction began",
                station=event.station,
                transaction=event.transaction,
                owner=event.owner,
                connector=event.connector,
            )
        case GivenUp():
            log.error(
                "message given up",
                station=event.station,
                backend=event.backend,
                action=event.action,
                reason=event.reason,
            )
        case CommandRefused():
            log.warning(
                "command refused",
                station=event.station,
                backend=event.backend,
                action=event.action,
                reason=event.reason,
            )
