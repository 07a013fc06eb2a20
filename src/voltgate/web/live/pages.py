"""One page: what it asks for over its websocket, and what it is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from voltgate.web.access import Access, Caller, address_of, carried_token, is_csrf
from voltgate.web.audited import line, who_of
from voltgate.web.bearer import digest_of
from voltgate.web.live.outbox import Outbox, message
from voltgate.web.live.topics import IDENTITIES, TOPIC, ForEvents, ForMessages, ForStations, Topic, Topics, error
from voltgate.web.problems import Problem, invalid
from voltgate.web.stream import ENDED, PATIENCE, Item, Streams, item
from voltgate.web.times import stamp

BATCH = 0.1
"""Seconds between two messages to a page at least."""
BEAT = 10.0
"""Seconds after which a page is told that there is nothing to tell: it knows that it is heard."""
FIRST = 10.0
"""Seconds within which a page says who it is."""
SUBSCRIPTIONS = 32
"""What a page may ask for at the same time."""
REFUSALS = 100
"""Refused subscriptions at most that a page has not been told of: it sends without reading."""
PAGES = 250
"""Pages at a time at most."""
STRANGERS = 100
"""Websockets at a time at most that have not said who they are."""
_REFUSED = "error"
"""The name of the state that says why."""
_REASON = 120
"""Bytes of a reason at most (RFC 6455 section 5.5: a control frame has 125)."""
_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")

UNREADABLE, UNKNOWN, FORBIDDEN, LATE, FULL = 4400, 4401, 4403, 4408, 1013
"""The codes that a websocket is closed with: RFC 6455's for "try again later", and ours, like statuses of HTTP."""

log = structlog.get_logger("voltgate.web")


class Closed(Exception):  # noqa: N818 - what becomes of a websocket
    """A websocket ends, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _First(msgspec.Struct, forbid_unknown_fields=True):
    csrf: str | None = None
    token: str | None = None


class Pages:
    """The pages that are open."""

    def __init__(self, topics: Topics, access: Access) -> None:
        self.topics = topics
        self._access = access
        self._strangers = Streams(STRANGERS)
        self._pages = Streams(PAGES)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it, its token or the gateway goes."""
        await socket.accept()
        try:
            digest, caller = await self._known(socket)
            await self._serve(socket, digest, caller)
        except Closed as closed:
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                async with asyncio.timeout(BATCH):
                    await socket.close(closed.code, closed.reason.encode()[:_REASON].decode(errors="ignore"))
        except WebSocketDisconnect:
            pass

    async def _known(self, socket: WebSocket) -> tuple[bytes, Caller]:
        """Return whose page it is, by the digest of the token. Raise Closed."""
        address = address_of(socket)
        try:
            self._strangers.begin(address)
        except Problem:
            raise Closed(FULL, "Too many have not said who they are: come back later.") from None
        try:
            async with asyncio.timeout(FIRST):
                said = _read(await _heard(socket), _First)
        except TimeoutError:
            raise Closed(LATE, "The first message says who you are, and did not come.") from None
        finally:
            self._strangers.end(address)
        try:
            token = _token_of(said, socket)
            return digest_of(token), self._access.admit(token, socket).caller
        except Problem as problem:
            answer = f"{problem.status} {problem.title}"
            said = line(who_of(socket.scope["state"]), "GET /live", "refused", answer, "/live", address=address)
            socket.app.state.audit.refusals.add(said)
            raise Closed(UNKNOWN, problem.detail) from None

    async def _serve(self, socket: WebSocket, digest: bytes, caller: Caller) -> None:
        try:
            self._pages.begin(caller.name)
        except Problem as full:
            raise Closed(FULL, full.detail.replace("streams", "pages")) from None
        page = _Page(socket, self.topics, caller)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in (page.hear(), page.tell())]
                holding = group.create_task(self._access.ended(digest, caller))
                await asyncio.wait((*tasks, holding), return_when=asyncio.FIRST_COMPLETED)
                withdrawn = holding.done()
                for task in (*tasks, holding):
                    task.cancel()
        except* (Closed, WebSocketDisconnect) as ends:
            raise next(iter(ends.exceptions)) from None
        finally:
            self._pages.end(caller.name)
            page.end()
        if withdrawn:
            raise Closed(UNKNOWN, ENDED)


def _token_of(said: _First, socket: WebSocket) -> bytes:
    """Return the token of a page, which says it, or has it in a cookie and shows that it is the page. Raise Closed."""
    if said.token is not None:
        return said.token.encode()
    token = carried_token(socket)
    if token is None:
        raise Closed(UNKNOWN, "There is no cookie of a sign-in.")
    if said.csrf is None or not is_csrf(token, said.csrf):
        raise Closed(FORBIDDEN, "This is not `csrf` of GET /api/v1/me: load the page again.")
    return token


async def _heard(socket: WebSocket) -> str:
    """Return the next message of a page. Raise Closed, WebSocketDisconnect."""
    said = await socket.receive()
    if said["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(said.get("code", 1000))
    text: str | None = said.get("text")
    if text is None:
        raise Closed(UNREADABLE, "A page says text.")
    return text


def _read(text: str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as wrong:
        raise Closed(UNREADABLE, f"This is no message of a page: {wrong}") from None


class _Page:
    """What one page has asked for."""

    def __init__(self, socket: WebSocket, topics: Topics, caller: Caller) -> None:
        self._socket = socket
        self._topics = topics
        self._caller = caller
        self._outbox = Outbox()
        self._asked: dict[str, Topic] = {}
        self._closes: dict[str, Callable[[], None]] = {}
        """Ends each subscription; there is none while the page is in the background."""
        self._paused = False

    # What it says.

    async def hear(self) -> None:
        """Do what the page asks for, until it goes. Raise Closed, WebSocketDisconnect."""
        if self._topics.queries.others is not None:
            await self._topics.queries.others.introduce()
        while True:
            said = _read(await _heard(self._socket), dict[str, Any])
            match said:
                case {"subscribe": _}:
                    await self._subscribe(said)
                case {"unsubscribe": str(of), **rest} if not rest:
                    self._unsubscribe(of)
                case {"pause": bool(paused), **rest} if not rest:
                    await self._pause(paused=paused)
                case _:
                    raise Closed(UNREADABLE, "A page says subscribe, unsubscribe or pause.")

    async def _subscribe(self, said: dict[str, Any]) -> None:
        of = said.get("id")
        if not isinstance(of, str) or not _ID.fullmatch(of):
            raise Closed(UNREADABLE, "A subscription has an `id` of letters and digits, 32 at most.")
        try:
            topic = TOPIC.validate_python(said)
        except ValidationError as wrong:
            self._refuse(of, invalid(wrong.errors()))
            return
        self._unsubscribe(of)
        if (objection := self._too_much(topic)) is not None:
            self._refuse(of, Problem(409, "Conflict", objection))
            return
        self._asked[of] = topic
        if not self._paused:
            await self._open(topic)

    def _too_much(self, topic: Topic) -> str | None:
        if len(self._asked) >= SUBSCRIPTIONS:
            return f"A page has {SUBSCRIPTIONS} subscriptions at most: end one."
        shown = [each for each in (*self._asked.values(), topic) if isinstance(each, ForStations)]
        if sum(len(each.identities) for each in shown) > IDENTITIES:
            return f"A page shows {IDENTITIES} stations at most: end another list first."
        return None

    async def _open(self, topic: Topic) -> None:
        try:
            self._closes[topic.id] = await self._topics.open(topic, self._caller, self._outbox)
        except Problem as problem:
            del self._asked[topic.id]
            self._refuse(topic.id, problem)

    def _refuse(self, of: str, problem: Problem) -> None:
        """Say why a subscription comes to nothing. Raise Closed if too many refusals were not read."""
        self._outbox.keep(of, _REFUSED, error(problem))
        if self._outbox.waiting(_REFUSED) > REFUSALS:
            raise Closed(FULL, "More was refused than you have read.")

    def _unsubscribe(self, of: str) -> None:
        self._asked.pop(of, None)
        close = self._closes.pop(of, None)
        if close is not None:
            close()
        self._outbox.drop(of)

    async def _pause(self, *, paused: bool) -> None:
        """Tell nothing, and have nothing made, while the page is in the background; then tell all states anew."""
        if paused is self._paused:
            return
        self._paused = paused
        if paused:
            self.end()
            self._asked = {of: self._resumable(topic) for of, topic in self._asked.items()}
            return
        for topic in list(self._asked.values()):
            if isinstance(topic, ForMessages) or (isinstance(topic, ForEvents) and topic.last is None):
                self._outbox.add(topic.id, [item("lost", {"lost": None})])
            await self._open(topic)

    def _resumable(self, topic: Topic) -> Topic:
        """Return a topic that goes on where it is now; in a cluster events are known by the last that was told."""
        queries = self._topics.queries
        if isinstance(topic, ForEvents) and topic.last is None and queries.others is None:
            return topic.model_copy(update={"last": str(queries.events.last)})
        return topic

    def end(self) -> None:
        """End all subscriptions."""
        for close in self._closes.values():
            close()
        self._closes.clear()
        for of in self._asked:
            self._outbox.drop(of)

    # What it is told.

    async def tell(self) -> None:
        """Tell the page that it is let in, and then what there is, until it goes. Raise Closed if it does not read."""
        while True:
            batch = self._outbox.batch()
            for of, told in batch:
                self._note(of, told)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._socket.send_text(message(stamp(self._topics.queries.wall()), batch))
            except TimeoutError:
                log.info("a live page was cut off: nobody reads it")
                raise Closed(LATE, "What you were told was not read.") from None
            await asyncio.sleep(BATCH)
            await self._due()

    async def _due(self) -> None:
        """Wait until there is something to tell, or nothing was told for long to a page that is looked at."""
        while not self._outbox.news.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._outbox.news.wait()
            if not self._paused:
                return

    def _note(self, of: str, told: Item) -> None:
        """Remember how far a page has come with events: after a pause it goes on behind them."""
        topic = self._asked.get(of)
        if isinstance(topic, ForEvents) and told.id is not None:
            self._asked[of] = topic.model_copy(update={"last": told.id})


def pages_of(app: FastAPI) -> Pages:
    """Return the pages of an application; the first time they are made."""
    pages: Pages | None = getattr(app.state, "pages", None)
    if pages is None:
        pages = app.state.pages = Pages(Topics(app.state.queries, app), app.state.access)
    return pages
