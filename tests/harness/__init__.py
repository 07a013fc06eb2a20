"""The test harness: a real gateway as a child process, and scripted stations and backends around it.

The scripted ends use the sans-I/O core of the `websockets` library, so that what Voltgate sends is judged by another
implementation of RFC 6455. A scenario runs on a `Stage`, which owns everything that it starts:

    main = await stage.backend("main")
    watcher = await stage.backend("watcher")
    await stage.gateway()                            # the first backend answers, the others get copies
    station = await stage.station("CP1", "ocpp1.6")
    link = await main.station("CP1")
    beat = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
    await station.expect_answer(beat)
    await stage.quiet(station, link)                 # nothing else was sent

Every wait has a deadline that only a hang reaches. That nothing was sent is never shown by a sleep: a ping makes a
round trip behind whatever was sent before it, and then nothing unread may be there.

Files, each importing only those above it:

    waiting, transcript, messages, frames, ports, command, offspring
    connection       one end of a WebSocket connection
    link             a connection that carries OCPP-J
    station, raw_station, backend
    http_client, gateway, stand_in, configuration, exchange
    stage            what a scenario uses
"""

from __future__ import annotations

from tests.harness.backend import Handshake, ScriptedBackend
from tests.harness.command import VOLTGATE
from tests.harness.configuration import merged, toml
from tests.harness.connection import Closing, Connection
from tests.harness.frames import frame
from tests.harness.gateway import Gateway
from tests.harness.http_client import Reply, basic, get
from tests.harness.link import Link
from tests.harness.messages import (
    CALL,
    ERROR,
    RESULT,
    RESULT_ERROR,
    SEND,
    SUBPROTOCOLS,
    Answering,
    Json,
    Message,
    boot_accepted,
    boot_payload,
    compact,
)
from tests.harness.ports import free_port, release_ports
from tests.harness.raw_station import RawStation
from tests.harness.stage import Stage
from tests.harness.stand_in import StandIn
from tests.harness.station import Refused, ScriptedStation
from tests.harness.transcript import Line, Transcript
from tests.harness.waiting import DEADLINE, until, within

__all__ = [
    "CALL",
    "DEADLINE",
    "ERROR",
    "RESULT",
    "RESULT_ERROR",
    "SEND",
    "SUBPROTOCOLS",
    "VOLTGATE",
    "Answering",
    "Closing",
    "Connection",
    "Gateway",
    "Handshake",
    "Json",
    "Line",
    "Link",
    "Message",
    "RawStation",
    "Refused",
    "Reply",
    "ScriptedBackend",
    "ScriptedStation",
    "Stage",
    "StandIn",
    "Transcript",
    "basic",
    "boot_accepted",
    "boot_payload",
    "compact",
    "frame",
    "free_port",
    "get",
    "merged",
    "release_ports",
    "toml",
    "until",
    "within",
]
