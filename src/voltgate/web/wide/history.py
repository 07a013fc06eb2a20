"""The message log of the whole cluster: what each node has written down becomes one list, the newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from voltgate.cluster.ports import Body, Node
from voltgate.telemetry.messages.reading import Found, Search, document
from voltgate.telemetry.messages.recorder import Recording
from voltgate.telemetry.messages.segments import Record, moment_of
from voltgate.web import models
from voltgate.web.message_log import MessageLog
from voltgate.web.problems import Problem
from voltgate.web.queries import Queries
from voltgate.web.times import stamp, stamp_or_none
from voltgate.web.wide.others import Answers, Others

_SHARE = 500_000
"""Bytes of the records that one node sends another at once, about."""

# What was recorded.


async def history(queries: Queries, search: Search) -> bytes:
    """Return a page of the log in JSON, as the API shows it. Raise Problem 503."""
    log, others = _log(queries), queries.others
    if others is None:
        return await log.aside(_page, [("", await log.find(search))], search, {})
    here, theirs = await asyncio.gather(log.find(search), others.of_all(lambda node: _found_at(others, node, search)))
    found = [(others.name, here), *((node.name, each) for node, each in theirs.given)]
    return await log.aside(_page, found, search, {"missing": sorted(theirs.missing)})


async def _found_at(others: Others, node: Node, search: Search) -> Found:
    return msgspec.convert(await others.ask(node, "history", msgspec.to_builtins(search)), Found)


async def history_here(queries: Queries, body: Body) -> Body:
    """Answer another node with what this one has. Raise Problem 503."""
    found = await _log(queries).find(msgspec.convert(body, Search), _SHARE)
    answer: Body = msgspec.to_builtins(found)
    return answer


def _page(parts: list[tuple[str, Found]], search: Search, more: dict[str, Any]) -> bytes:
    """Merge what nodes have found, as far down as all of them have come. Megabytes: not for the event loop."""
    reached = max((found.reached for _, found in parts if found.reached is not None), default=None)
    merged = sorted(_down_to(reached, parts), key=lambda pair: pair[0][0], reverse=True)
    if len(merged) > search.limit:
        last = merged[search.limit - 1][0][0]
        merged = [pair for pair in merged if pair[0][0] >= last]  # of two nodes that have the same id, both
        reached = last
    items = [_shown(record, node) for record, node in merged]
    searched = None if reached is None else moment_of(reached)
    page = {
        "items": items,
        "next": None if reached is None else str(reached),
        "searched_to": stamp_or_none(searched),
    }
    return msgspec.json.encode(page | more)


def _down_to(reached: int | None, parts: Iterable[tuple[str, Found]]) -> list[tuple[Record, str]]:
    return [(record, node) for node, found in parts for record in found.records if record[0] >= (reached or 0)]


def _shown(record: Record, node: str) -> dict[str, Any]:
    shown = document(record)
    return shown | {"at": stamp(shown["at"])} | ({"node": node} if node else {})


def _log(queries: Queries) -> MessageLog:
    if queries.messages is None:
        raise Problem(503, "Service Unavailable", "There is no message log here.")
    return queries.messages


# What is recorded.


async def recording(queries: Queries) -> models.Recordings:
    """Return what is recorded, and how the log of each node is. Raise Problem 503."""
    log, others = _log(queries), queries.others
    here = _state(log, None if others is None else others.name)
    if others is None:
        return _recordings(log, [here], None)
    return _recordings(log, [here], await others.of_all(lambda node: _state_at(others, node, "recording", {})))


async def record(queries: Queries, wanted: Recording) -> models.Recordings:
    """Record these too, at all nodes. Raise Problem 503."""
    log, others = _log(queries), queries.others
    await log.ask(wanted)
    here = _state(log, None if others is None else others.name)
    if others is None:
        return _recordings(log, [here], None)
    body = msgspec.to_builtins(wanted)
    return _recordings(log, [here], await others.of_all(lambda node: _state_at(others, node, "record", body)))


async def recording_here(queries: Queries, body: Body) -> Body:
    """Answer another node with how the log is here. Raise Problem 503."""
    name = None if queries.others is None else queries.others.name
    return _state(_log(queries), name).model_dump(mode="json")


async def record_here(queries: Queries, body: Body) -> Body:
    """Record here what was asked for at another node. Raise Problem 503."""
    await _log(queries).ask(msgspec.convert(body, Recording))
    return await recording_here(queries, {})


async def _state_at(others: Others, node: Node, kind: str, body: Body) -> models.LogState:
    return models.LogState.model_validate(await others.ask(node, kind, body))


def _recordings(
    log: MessageLog, states: list[models.LogState], theirs: Answers[models.LogState] | None
) -> models.Recordings:
    configured, asked = log.recorder.recordings
    shown = models.Recordings(
        configured=_recording(configured),
        asked=_recording(asked),
        logs=states + ([] if theirs is None else [state for _, state in theirs.given]),
    )
    return shown if theirs is None else shown.model_copy(update={"missing": sorted(theirs.missing)})


def _recording(of: Recording) -> models.Recording:
    return models.Recording(stations=list(of.stations), routes=list(of.routes), until=stamp_or_none(of.until))


def _state(log: MessageLog, node: str | None) -> models.LogState:
    counts = log.recorder.counts
    return models.LogState(
        node=node,
        recorded=counts.recorded,
        written=counts.written,
        dropped=counts.lost,
        bytes=counts.report.bytes,
        segments=counts.report.segments,
        problem=counts.report.problem or None,
    )
