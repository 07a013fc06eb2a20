"""What every node has a part of: the counters of backends, and the unknown stations that were refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import msgspec

from voltgate.cluster.ports import Node
from voltgate.directory.waiting import UnknownStation
from voltgate.web import models
from voltgate.web.paging import Page, Part, cut
from voltgate.web.problems import Problem
from voltgate.web.queries import Queries, waiting_of
from voltgate.web.wide.lists import wide_page
from voltgate.web.wide.others import Others, unavailable

STRANGERS_AT_ONCE = 2000
"""Unknown stations of one answer at most."""

# Backends.


async def backends(queries: Queries, part: Part) -> Page[models.Backend]:
    """List the backends, in the order of the configuration."""
    if queries.others is None:
        return cut(await queries.backends(), part)
    every, missing = await _all_backends(queries)
    return wide_page(every[part.offset : part.offset + part.limit], len(every), part, missing)


async def backend(queries: Queries, name: str) -> models.Backend:
    """Show one backend. Raise Problem 404."""
    every, missing = await _all_backends(queries) if queries.others is not None else (await queries.backends(), None)
    found = next((each for each in every if each.name == name), None)
    if found is None:
        raise Problem(404, "Not Found", "There is no such backend.")
    return found if missing is None else found.model_copy(update={"missing": missing})


async def _all_backends(queries: Queries) -> tuple[list[models.Backend], list[str]]:
    assert queries.others is not None  # noqa: S101
    others = queries.others
    answers = await others.of_all(lambda node: _backends_of(others, node))
    every = {each.name: each for each in await queries.backends()}
    for _, backends_there in answers.given:
        every |= {each.name: _sum(every[each.name], each) for each in backends_there if each.name in every}
    return list(every.values()), sorted(answers.missing)


async def _backends_of(others: Others, node: Node) -> list[models.Backend]:
    answer = await others.ask(node, "backends", {})
    return [models.Backend.model_validate(each) for each in answer["backends"]]


_COUNTED = ("legs", "legs_up", "left_out", "given_up")


def _sum(ours: models.Backend, theirs: models.Backend) -> models.Backend:
    """Add what another node has counted."""
    sums: dict[str, Any] = {name: getattr(ours, name) + getattr(theirs, name) for name in _COUNTED}
    sums |= {
        name: _added(getattr(ours, name), getattr(theirs, name)) for name in ("copies_dropped", "commands_refused")
    }
    sums |= {
        name: models.Calls(**_added(getattr(ours, name).model_dump(), getattr(theirs, name).model_dump()))
        for name in ("calls", "commands")
    }
    states = {ours.state, theirs.state}
    aways = [each.away_seconds for each in (ours, theirs) if each.away_seconds is not None]
    sums["state"] = next(state for state in ("up", "down", "idle") if state in states)
    sums["away_seconds"] = max(aways, default=None) if sums["state"] == "down" else None
    return ours.model_copy(update=sums)


def _added(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ours.get(name, 0) + theirs.get(name, 0) for name in {**ours, **theirs}}


# Unknown stations.


async def strangers(queries: Queries, part: Part, wanted: str = "") -> Page[models.Waiting]:
    """List the unknown stations that were refused, the last one first: those with a text in identity or address."""
    text = wanted.casefold()

    def is_wanted(station: UnknownStation) -> bool:
        return text in station.identity.casefold() or text in station.address

    if queries.others is None:
        return cut([waiting_of(each) for each in queries.strangers() if is_wanted(each)], part)
    others = queries.others
    answers = await others.of_all(lambda node: _strangers_of(others, node))
    every: dict[str, UnknownStation] = {}
    for each in (*queries.strangers(), *(each for _, few in answers.given for each in few)):
        if is_wanted(each) and not queries.gateway.knows(each.identity):
            every[each.identity] = _seen_again(every.get(each.identity), each)
    found = sorted(every.values(), key=lambda each: each.last, reverse=True)
    shown = list(map(waiting_of, found[part.offset : part.offset + part.limit]))
    return wide_page(shown, len(found), part, answers.missing)


async def _strangers_of(others: Others, node: Node) -> list[UnknownStation]:
    """Return the unknown stations of a node, portion by portion. Raises NodeAway, Declined, and what is unreadable."""
    found: list[UnknownStation] = []
    while True:
        answer = await others.ask(node, "waiting", {"skip": len(found)})
        portion = msgspec.convert(answer["waiting"], list[UnknownStation])
        found += portion
        if len(portion) < STRANGERS_AT_ONCE:
            return found


def portion_of(strangers: list[UnknownStation], skip: int) -> list[dict[str, Any]]:
    """Return unknown stations as they go to another node: those behind `skip`, as many as one answer has."""
    return [asdict(each) for each in strangers[skip : skip + STRANGERS_AT_ONCE]]


def _seen_again(before: UnknownStation | None, now: UnknownStation) -> UnknownStation:
    """Return one station that several nodes have refused."""
    if before is None:
        return now
    latest = max(before, now, key=lambda each: each.last)
    return replace(latest, first=min(before.first, now.first), tries=before.tries + now.tries)


async def accept(queries: Queries, identity: str, route: str, by: str) -> models.Station:
    """Let a station in that waits at some node. Raise Problem: 404, 409, 422 for a route that is none, 503."""
    if not queries.waits(identity):
        await _found_elsewhere(queries, identity, "waits")
    return await queries.accept(identity, route, by)


async def strike_out(queries: Queries, identity: str) -> None:
    """Take a station off the list at every node. Raise Problem: 404, 503."""
    waited = queries.waits(identity)
    queries.gateway.waiting_room.forget(identity)
    try:
        await _found_elsewhere(queries, identity, "strike out")
    except Problem:
        if not waited:
            raise


async def _found_elsewhere(queries: Queries, identity: str, kind: str) -> None:
    """Ask the other nodes about a station that waits. Raise Problem: 404 where no node has it, 503 if some are away."""
    if queries.others is not None:
        others = queries.others
        answers = await others.of_all(lambda node: others.ask(node, kind, {"identity": identity}))
        if any(body["waits"] for _, body in answers.given):
            return
        if answers.missing:
            names = ", ".join(answers.missing)
            raise unavailable(f"No such station waits, as far as is known: there is no answer from {names}.")
    raise Problem(404, "Not Found", "No such station waits.")
