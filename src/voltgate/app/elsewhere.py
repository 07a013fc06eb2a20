"""Stations whose connection another process holds: how they are called, and whether whoever holds them lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from voltgate import __version__
from voltgate.carriers.amqp.answering import Node
from voltgate.cluster.ports import Body, Declined, NodeAway, Post
from voltgate.csms.model import Station
from voltgate.csms.service import GRACE, ManagementSystem, answered
from voltgate.csms.watch import Connections, Dead
from voltgate.ocpp.messages import Call, Error, Reason, Reply, Result, Unanswered
from voltgate.ocpp.silence import gone
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.nodes import NodeTable
from voltgate.store.reach import Reach

_QUESTION = "csms call"
_FOR_LETTERS = 2.0
"""Seconds that a question and its answer may be on their way."""


async def _held(connections: Connections, key: str) -> Station | str:
    """Return a connected station, or why it cannot be called."""
    try:
        station = await connections.station(key)
    except StoreAway:
        return "The database is away: nobody knows where the station is connected"
    return station if station is not None and station.connected else "The station is not connected"


# By gateways of one cluster.


class ByPost:
    """Calls stations of the other gateways on one PostgreSQL, as what answers them there; and answers those."""

    def __init__(self, csms: ManagementSystem, connections: Connections, post: Post) -> None:
        self._csms = csms
        self._connections = connections
        self._post = post
        post.serve(_QUESTION, self._answer)

    async def call(self, station: str, call: Call, patience: float) -> Reply:
        """Call a station, by key, at the gateway that holds it."""
        found = await _held(self._connections, station)
        if isinstance(found, str):
            return gone(found)
        if "/" in found.holder:
            return gone("The station is answered by nodes behind RabbitMQ: one of these has to call it")
        if found.holder == self._post.here:
            return gone("The station is not connected")
        payload = msgspec.json.decode(call.payload)
        body = {"station": station, "id": call.id, "action": call.action, "payload": payload, "patience": patience}
        try:
            answer = await self._post.ask(found.holder, _QUESTION, body, patience + GRACE + _FOR_LETTERS)
        except NodeAway as away:
            return gone(f"The station's gateway: {away}", call.id)  # it may have been asked
        except Declined as declined:
            return gone(f"The station's gateway: {declined}")
        return _read(answer)

    async def _answer(self, body: Body) -> Body:
        """Make the call that another node asks for."""
        call = Call(body["id"], body["action"], msgspec.json.encode(body["payload"]))
        return _written(await self._csms.call_within(body["station"], call, body["patience"]))


def _written(reply: Reply) -> Body:
    if isinstance(reply, Result):
        return {"id": reply.id, "result": msgspec.Raw(bytes(reply.payload))}
    error: dict[str, Any] = {"code": reply.code, "description": reply.description}
    if isinstance(reply, Unanswered):
        return {"id": reply.id, "error": error, "reason": reply.reason.value}
    return {"id": reply.id, "error": error | {"details": msgspec.Raw(bytes(reply.details))}}


def _read(answer: Body) -> Reply:
    if "result" in answer:
        return Result(answer["id"], msgspec.json.encode(answer["result"]))
    error = answer["error"]
    if "reason" not in answer:
        details = msgspec.json.encode(error["details"])
        return Error(answer["id"], error["code"], error["description"], details)
    reply = Unanswered(Reason(answer["reason"]), error["description"], error["code"])
    reply.id = answer["id"]
    return reply


# By nodes behind RabbitMQ.


class ByQueue:
    """Calls stations at the queues of their gateways. `nodes` are those of this process, by the names of backends."""

    def __init__(self, connections: Connections, nodes: Mapping[str, Node]) -> None:
        self._connections = connections
        self._nodes = nodes

    async def call(self, station: str, call: Call, patience: float) -> Reply:
        """Call a station, by key, wherever it was heard last by any node."""
        found = await _held(self._connections, station)
        if isinstance(found, str):
            return gone(found)
        name, _, queue = found.holder.rpartition("/")
        node = self._nodes.get(name)
        if node is None:
            return gone(f"The station is connected to {found.holder}, which this process does not reach")
        there = node.at(found.identity, found.version, queue)
        return await answered(there.command, call, patience)


# Who lives.


def by_process(database: Database) -> Dead:
    """Return what tells which gateways have ended: all but this one where the database is its own."""
    shared = database.is_shared
    reach = Reach(database.there, database.patience)
    table = NodeTable(reach, database.node, "", __version__)

    async def dead(holders: set[str]) -> set[str]:
        alive = {node.id for node in await table.read() if node.alive} if shared else set[str]()
        gateways = {each for each in holders if not shared or "/" not in each}
        return gateways - alive - {database.node}

    return dead


def by_queue(database: Database, nodes: Callable[[], Mapping[str, Node]]) -> Dead:
    """Return what tells which gateways have ended, those behind the brokers of nodes included."""
    of_processes = by_process(database)

    async def dead(holders: set[str]) -> set[str]:
        found = await of_processes(holders)
        for holder in holders:
            name, _, queue = holder.rpartition("/")
            node = nodes().get(name)
            if node is not None and await node.has_gone(queue):
                found.add(holder)
        return found

    return dead
