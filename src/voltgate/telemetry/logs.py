"""Logs: a line for each connect, disconnect, refusal and change of a link; text on a terminal, JSON otherwise.

Refusals of one kind are one line when the first comes, and one for those that follow within a minute.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, MutableMapping
from functools import cache
from typing import Any, Literal, TextIO, TypeAlias

import msgspec
import structlog

from voltgate.ocpp.networks import network_of
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.certificate_events import CertificateExpiring, CertificateRefused, CertificateUnasked
from voltgate.relay.event_list import EVENTS, Severity, severity_of
from voltgate.relay.events import Event, StationRefused
from voltgate.relay.merging import Merging
from voltgate.telemetry.lines import ERRORS

log = structlog.get_logger("voltgate")


class _Threshold:
    """The lowest level that is logged, compared before an event is formatted."""

    level = logging.INFO


class _Worker:
    """Which of several workers on one address logs; 0 if this is no worker."""

    number = 0


def name_worker(number: int) -> None:
    """Have each line name this worker."""
    _Worker.number = number


def configure(level: str, form: Literal["auto", "human", "json"]) -> None:
    """Send logs to standard error from `level` up, with what other libraries log from "warning" up.

    Nobody waits for it and no line raises: what is said of `lines.LineWriter` is true of the log.
    """
    _Threshold.level = logging.getLevelNamesMapping()[level.upper()]
    render = _Shape.render = _render(human=form == "human" or (form == "auto" and _on_terminal()))
    structlog.configure(
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger(_Threshold.level),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    ERRORS.describe = lambda lost: render(None, "warning", _loss(lost))
    logging.basicConfig(handlers=[_Handler()])  # at a reload it is there already
    logging.getLogger().setLevel(max(logging.WARNING, _Threshold.level))


def catch_faults() -> None:
    """Log what would be printed to standard error: exceptions that nobody catches, and warnings."""
    sys.excepthook = lambda _, fault, __: _unhandled(fault)
    sys.unraisablehook = lambda hooked: _unhandled(hooked.exc_value)
    threading.excepthook = lambda hooked: _unhandled(hooked.exc_value)
    logging.captureWarnings(True)


def _unhandled(fault: BaseException | None) -> None:
    if not isinstance(fault, SystemExit):  # with which a thread may end
        log.critical("a fault of Voltgate: nobody caught an exception", exc_info=fault)


@cache
def _on_terminal() -> bool:
    """Return whether a terminal reads the log; it may be closed later, and then nothing reads it."""
    return os.isatty(ERRORS.descriptor)


class _Lines:
    """A logger as structlog wants it, for lines that are rendered."""

    def __init__(self, *_: Any) -> None:
        pass

    def put(self, line: str) -> None:
        """Queue a line."""
        ERRORS.put(line)

    debug = info = warning = error = exception = critical = put


class _Handler(logging.Handler):
    """Logs what other libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, with the level of structlog's that is next below its own."""
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        try:
            message = record.getMessage().rstrip()
        except Exception as fault:  # its arguments do not fit
            message = f"{record.msg} ({fault!r})"
        log.log(level, message, logger=record.name, exc_info=record.exc_info)


_Render: TypeAlias = Callable[[Any, str, MutableMapping[str, Any]], str]
"""A processor of structlog's, the last: makes the line of an event."""


def _render(*, human: bool) -> _Render:
    shape: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if _Worker.number:
        shape.append(_named)
    if human:
        shape.append(_printable)
        shape.append(structlog.dev.ConsoleRenderer(colors=_on_terminal(), exception_formatter=_plainly))
    else:
        shape += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]

    def render(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        line: Any = event
        try:
            for processor in shape:
                line = processor(logger, name, line)
        except Exception as fault:  # a value that cannot be shown: whoever logs is not to be stopped by that
            return json.dumps({"event": str(event.get("event")), "level": name, "not_shown": type(fault).__name__})
        return str(line)

    return render


def _named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which worker it is."""
    event["worker"] = _Worker.number
    return event


def _printable(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what a terminal may obey: texts come from strangers, and ConsoleRenderer quotes only some of them."""
    for field, value in event.items():
        if isinstance(value, str):
            event[field] = _escaped(value, repr)
    return event


def _escaped(text: str, write: Callable[[str], str], kept: str = "") -> str:
    """Escape the characters of control and direction, but for those `kept`: `write` quotes one."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else write(char)[1:-1] for char in text)


def _plainly(to: TextIO, info: Any) -> None:
    """Write a traceback: others show the values of variables, and so passwords and tokens."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, info)
    to.write(_escaped(text.getvalue(), repr, "\n"))


def _loss(lost: dict[str, int]) -> dict[str, Any]:
    return {"event": "lines of the log were lost"} | {reason.replace(" ", "_"): lost[reason] for reason in lost}


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _json(value: Any, **_: Any) -> str:
    return _escaped(_encode(value).decode(), json.dumps)


_LEVELS: dict[Severity, int] = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "danger": logging.CRITICAL,
}


_NAMES = {level: logging.getLevelName(level).lower() for level in _LEVELS.values()}


class _Shape:
    """How a line is made of an event."""

    render: _Render = staticmethod(_render(human=False))


_MOST_KINDS = 100
"""Kinds of such handshakes that are told apart within a minute."""


class Lines:
    """Logs events. Handshakes of one kind that were refused, or not asked about, are merged: there may be thousands."""

    def __init__(self, wheel: Wheel, now: Callable[[], float]) -> None:
        self._refusals: Merging[Event] = Merging(wheel, now, _write, _MOST_KINDS)

    def write(self, event: Event) -> None:
        """Log an event by the list of events; the rest of the line are its fields, and `times` of those merged."""
        match event:
            case StationRefused():
                who, why = event.station or event.target, event.reason.partition(":")[0]
                self._refusals.add((who, network_of(event.address), event.status, why), event)
            case CertificateRefused() | CertificateUnasked():
                self._refusals.add((type(event), event.listener, network_of(event.address), event.reason), event)
            case _:
                _write(event)

    def close(self) -> None:
        """Log what has not been logged yet."""
        self._refusals.end()


def _write(event: Event, times: int = 1, more: str = "") -> None:
    level = _LEVELS[severity_of(event)]
    if level >= _Threshold.level:
        fields = {field: _short(getattr(event, field)) for field in event.__slots__}
        if more:
            fields |= {"reason": f"{fields['reason']}{more}", "times": times}
        ERRORS.put(_Shape.render(None, _NAMES[level], {"event": _line(event), **fields}))  # a fifth of log.log


def _line(event: Event) -> str:
    if isinstance(event, CertificateExpiring) and event.days <= 0:
        return "certificate has ended"
    return EVENTS[type(event)].line


def write_fault(listener: str, fault: Exception, times: int) -> None:
    """Log what a listener raised when it was told of an event or a message, for the `times`-th time."""
    log.error("a fault of Voltgate: a listener failed", listener=listener, times=times, exc_info=fault)


def _short(value: object) -> object:
    return round(value, 1) if isinstance(value, float) else value
