"""Whole replays: as the stations that were recorded, or as their backend."""

from __future__ import annotations

import asyncio
import base64
import http
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from voltgate.replay.differences import Report
from voltgate.replay.player import Pace, Player
from voltgate.replay.putting import StandIns
from voltgate.replay.recording import Caller, Record, Recording

_AT_ONCE = 50
"""Handshakes at a time."""
_BIGGEST = 16 << 20
"""Bytes of a message at most."""
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each time that a lost connection is dialled again, until the rest of its station is given up."""
_HANDSHAKE = 20.0


@dataclass(frozen=True, slots=True)
class Replay:
    """What is played, and how. `leg` is "station", or a backend whose connection it is.

    `version` None: each as it was recorded. `linger`: seconds for which stations stay, when all is said, for calls of
    the far end that were recorded and have not come.
    """

    recording: Recording
    leg: str = "station"
    pace: Pace = field(default_factory=lambda: Pace(1.0, 30.0))
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    password: str | None = None
    trusted: ssl.SSLContext | None = None
    linger: float = 0.0

    def player(self, station: str, *, as_backend: bool, report: Report) -> Player:
        """Return who plays one side of a station's connection."""
        side: Caller = "backend" if as_backend else "station"
        return Player(self.recording, station, self.leg, side, self.pace, StandIns(self.stand_ins), report)

    def version_of(self, station: str) -> str:
        """Return the version that is spoken."""
        return self.version or self.recording.version_of(station)

    def begun(self) -> Replay:
        """Return the same, with its first record due now."""
        now = asyncio.get_running_loop().time()
        return replace(self, pace=replace(self.pace, began=now, first=self.recording.first_at(self.leg)))


# As the stations.


async def as_stations(replay: Replay, url: str, report: Report) -> None:
    """Play every recorded station against a backend or gateway at `url`, to which identities are appended."""
    replay = replay.begun()
    report.skipped = replay.recording.skipped
    gate = asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for station in replay.recording.stations(replay.leg):
            player = replay.player(station, as_backend=False, report=report)
            group.create_task(_Charger(replay, player, url_of(url, station), gate).play())


def url_of(url: str, station: str) -> str:
    """Return the address of one station: its identity stands where `{station}` does, else at the end."""
    name = quote(station, safe="")
    return url.replace("{station}", name) if "{station}" in url else f"{url.rstrip('/')}/{name}"


@dataclass(slots=True)
class _Charger:
    """One station, on one connection after the other."""

    replay: Replay
    player: Player
    url: str
    gate: asyncio.Semaphore

    async def play(self) -> None:
        """Say all that the station said; what cannot be said is counted."""
        left = self.player.script()
        record = next(left, None)
        futile = 0
        try:
            while record is not None:
                async with self._link() as link:
                    futile += 1
                    while record is not None and await self._said(link, record):
                        record, futile = next(left, None), 0
                    if record is None:
                        await self.player.is_asked(self.replay.linger)
                if futile > len(_PAUSES):
                    raise ConnectionError("it ends connections as soon as they are open")
        except (OSError, WebSocketException) as error:
            self.player.report.fault(f"{self.player.station}: {reason_of(error, self.url)}")
            self.player.report.untold += 1 + sum(1 for _ in left)

    async def _said(self, link: ClientConnection, record: Record) -> bool:
        """Say one thing; return False if the connection ended before it could be said."""
        player = self.player
        await player.pace.until(record.seconds)
        try:
            answer = await player.say(link, record)
        except ConnectionClosed:
            return False
        player.report.calls += 1
        if answer is not None:
            player.report.answered(record, answer)
        return True

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[ClientConnection]:
        async with self.gate:
            link = await self._dial()
        listening = asyncio.create_task(self.player.listen(link, link))
        try:
            yield link
        finally:
            await link.close()
            await listening

    async def _dial(self) -> ClientConnection:
        for pause in _PAUSES:
            try:
                return await self._dial_once()
            except OSError:
                await asyncio.sleep(pause)
        return await self._dial_once()

    async def _dial_once(self) -> ClientConnection:
        replay, station = self.replay, self.player.station
        headers = {}
        if replay.password is not None:
            credentials = base64.b64encode(f"{station}:{replay.password}".encode()).decode()
            headers["Authorization"] = f"Basic {credentials}"
        return await connect(
            self.url,
            subprotocols=[Subprotocol(replay.version_of(station))],
            additional_headers=headers,
            compression=None,
            open_timeout=_HANDSHAKE,
            ping_interval=None,
            max_size=_BIGGEST,
            proxy=None,
            ssl=replay.trusted if self.url.startswith("wss:") else None,
        )


def reason_of(error: BaseException, url: str) -> str:
    """Return what went wrong with a connection, in a sentence."""
    if isinstance(error, InvalidStatus):
        return f"{url} refused it with status {error.response.status_code}"
    return f"{url} could not be used: {error or type(error).__name__}"


# As the backend.


async def as_backend(
    replay: Replay, url: str, report: Report, stop: asyncio.Event, ready: Callable[[str, int], None]
) -> None:
    """Listen at `url`, and answer stations as their backend did, until all was said again or `stop` is set.

    `ready` is told where it listens, and for how many stations.
    """
    report.skipped = replay.recording.skipped
    parts = urlsplit(url)
    known = {station: _Stand(replay, station, report) for station in replay.recording.stations(replay.leg)}

    async def meet(link: ServerConnection) -> None:
        await known[_identity(link.request)].meet(link)

    def admit(link: ServerConnection, request: Request) -> Response | None:
        if _identity(request) in known:
            return None
        return link.respond(http.HTTPStatus.NOT_FOUND, "Nothing was recorded of this station.\n")

    def choose(link: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        version = replay.version_of(_identity(link.request))
        return Subprotocol(version) if version in offered else None

    port = 80 if parts.port is None else parts.port
    server = await serve(
        meet, parts.hostname, port, process_request=admit, select_subprotocol=choose, compression=None,
        ping_interval=None, max_size=_BIGGEST,
    )  # fmt: skip
    host, port = next(iter(server.sockets)).getsockname()[:2]
    ready(f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}", len(known))
    try:
        await _over(known, stop)
    finally:
        await _ended(server)
        for stand in known.values():
            stand.settle()


async def _ended(server: Server) -> None:
    server.close()
    await server.wait_closed()


async def _over(known: Mapping[str, _Stand], stop: asyncio.Event) -> None:
    stopped = asyncio.create_task(stop.wait())
    all_done = asyncio.create_task(_all_done(known))
    try:
        await asyncio.wait([all_done, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        all_done.cancel()
        stopped.cancel()


async def _all_done(known: Mapping[str, _Stand]) -> bool:
    for stand in known.values():
        await stand.done.wait()
    return True


def _identity(request: Request | None) -> str:
    path = "" if request is None else request.path.partition("?")[0]
    return unquote(path.rstrip("/").rpartition("/")[2])


class _Stand:
    """The backend's side towards one station: what it asks of it comes after as many of its calls as then."""

    def __init__(self, replay: Replay, station: str, report: Report) -> None:
        self._player = replay.player(station, as_backend=True, report=report)
        self._script = self._player.script()
        self._following = next(self._script, None)
        self._wanted = replay.recording.count(station, "station", replay.leg)
        self.done = asyncio.Event()
        self._look()

    async def meet(self, link: ServerConnection) -> None:
        """Serve a connection of the station until it ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(link))
            await self._player.listen(link, link)
            self._player.heard.set()
        self._look()

    def settle(self) -> None:
        """Count what could not be asked."""
        if self._following is not None:
            self._player.report.untold += 1 + sum(1 for _ in self._script)

    async def _ask(self, link: ServerConnection) -> None:
        player = self._player
        while link.state is State.OPEN:
            record = self._following
            if record is not None and player.answered >= self._before(record):
                try:
                    answer = await player.say(link, record)
                except ConnectionClosed:
                    return
                player.report.calls += 1
                if answer is not None:
                    player.report.answered(record, answer)
                self._following = next(self._script, None)
            else:
                player.heard.clear()
                self._look()
                await player.heard.wait()

    def _before(self, record: Record) -> int:
        player = self._player
        return player.recording.count(player.station, "station", player.leg, record.seconds)

    def _look(self) -> None:
        if self._following is None and self._player.repeated >= self._wanted:
            self.done.set()
