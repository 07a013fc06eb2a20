"""What this node answers the others: its part of lists, for the stations that it holds, and its live streams."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
import structlog

from voltgate.cluster.ports import Answer, Body, Post
from voltgate.web import models
from voltgate.web.live.overview import Counting
from voltgate.web.problems import Problem
from voltgate.web.queries import Queries
from voltgate.web.tail import Tail
from voltgate.web.wide import history, one_station
from voltgate.web.wide.nodes import retire
from voltgate.web.wide.others import Others, declined_by, not_here
from voltgate.web.wide.rows import SessionsWanted, StationsWanted
from voltgate.web.wide.streams import events_here, messages_here
from voltgate.web.wide.subscriptions import Subscriptions
from voltgate.web.wide.sums import portion_of

log = structlog.get_logger("voltgate.web")


def join(queries: Queries, post: Post) -> None:
    """Have the API of this gateway show and command the whole cluster, and answer the other nodes."""
    others = queries.others = Others(post, queries.clock)

    def tail(key: str | None) -> Tail:
        return queries.tail(key)

    queries.subscriptions = Subscriptions(tail, queries.clock)
    answers = _Answers(queries)
    for kind, answer in answers.by_kind.items():
        post.serve(kind, _answering(answer, others))


def _answering(answer: Answer, others: Others) -> Answer:
    """Return an answer in which this node has its name, and which lets whoever asked have the problem that was met."""

    @wraps(answer)
    async def answered(body: Body) -> Body:
        await others.introduce()
        try:
            return await answer(body)
        except Problem as problem:
            raise declined_by(problem) from None

    return answered


class _Answers:
    """The answers of this node, by the kind of the question."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.by_kind: dict[str, Answer] = {
            "stations": self._rows(StationsWanted),
            "sessions": self._rows(SessionsWanted),
            "show stations": self._show(self._station),
            "show sessions": self._show(self._session),
            "backends": self._backends,
            "waiting": self._waiting,
            "waits": self._waits,
            "strike out": self._strike_out,
            "station": self._if_here(self._station),
            "session": self._if_here(self._session),
            "match": self._if_here(self._match),
            "call": self._call,
            "disconnect": self._disconnect,
            "forget callback": self._forget_callback,
            "messages": lambda body: messages_here(queries, body),
            "events": lambda body: events_here(queries, body),
            "history": lambda body: history.history_here(queries, body),
            "recording": lambda body: history.recording_here(queries, body),
            "record": lambda body: history.record_here(queries, body),
            "overview": Counting(queries).answer,
            "drain": self._drain,
            "undrain": self._undrain,
        }

    # Lists.

    def _rows(self, kind: type[StationsWanted | SessionsWanted]) -> Answer:
        async def answer(body: Body) -> Body:
            wanted = msgspec.convert(body, kind)
            rows: Body = msgspec.to_builtins(await wanted.elsewhere(self._queries))
            return rows

        return answer

    def _show(self, show: Callable[[str, Body], dict[str, Any]]) -> Answer:
        """Answer with those of the stations named that are connected here."""

        async def answer(body: Body) -> Body:
            here = filter(self._queries.connected, body["identities"])
            return {"items": {identity: show(identity, body) for identity in here}}

        return answer

    async def _backends(self, body: Body) -> Body:
        return {"backends": [each.model_dump(mode="json") for each in await self._queries.backends()]}

    async def _waiting(self, body: Body) -> Body:
        return {"waiting": portion_of(self._queries.strangers(), body["skip"])}

    async def _waits(self, body: Body) -> Body:
        return {"waits": self._queries.waits(body["identity"])}

    async def _strike_out(self, body: Body) -> Body:
        answer = await self._waits(body)
        self._queries.gateway.waiting_room.forget(body["identity"])
        return answer

    # One station.

    def _if_here(self, show: Callable[[str, Body], dict[str, Any]]) -> Answer:
        async def answer(body: Body) -> Body:
            return show(self._held(body), body)

        return answer

    def _held(self, body: Body) -> str:
        """Return the identity of the station that is asked about. Raises Declined if it is not connected here."""
        identity: str = body["identity"]
        if self._queries.connected(identity) is None:
            raise not_here()
        return identity

    def _station(self, identity: str, body: Body) -> dict[str, Any]:
        return self._queries.station_in_full(self._queries.find(identity)).model_dump(mode="json")

    def _session(self, identity: str, body: Body) -> dict[str, Any]:
        return one_station.session_here(self._queries, identity).model_dump(mode="json")

    def _match(self, identity: str, body: Body) -> dict[str, Any]:
        asked = one_station.MatchAsked.model_validate(body["asked"])
        return one_station.match_here(self._queries, identity, asked).model_dump(mode="json")

    async def _call(self, body: Body) -> Body:
        identity, asked = self._held(body), models.CallAsked.model_validate(body["asked"])
        answered = await one_station.call_here(self._queries, identity, body["by"], asked)
        return answered.model_dump(mode="json", exclude_unset=True)

    async def _disconnect(self, body: Body) -> Body:
        one_station.end(self._queries, self._held(body), body["by"])
        return {}

    async def _forget_callback(self, body: Body) -> Body:
        await one_station.forget_callback_here(self._queries, self._held(body), body["by"])
        return {}

    # The node itself.

    async def _drain(self, body: Body) -> Body:
        await retire(self._queries)
        log.info("this gateway is to drain", by=body["by"], spread=body["spread"])
        await self._queries.draining.drain(body["spread"])
        return {}

    async def _undrain(self, body: Body) -> Body:
        log.info("this gateway is to take stations again", by=body["by"])
        await self._queries.draining.undrain()
        return {}
