"""What lives as long as the process: each is named here, killed once, and seen to go on."""

from __future__ import annotations

import ast
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

import voltgate
from tests.harness.configuration import toml
from tests.harness.http_client import get
from tests.harness.ports import free_port
from tests.harness.waiting import until, within
from voltgate.alerts import sender
from voltgate.app import alerting, composition, csms, monitoring, operating, process, reloading
from voltgate.app.process import Process, Running
from voltgate.config import read
from voltgate.csms import job_runner
from voltgate.csms.handlers.presence import came
from voltgate.csms.said import Said
from voltgate.csms.signing import Asked, Authority, Signer
from voltgate.csms.table import Entry
from voltgate.store import database
from voltgate.telemetry import logs
from voltgate.telemetry.messages.recorder import Recording
from voltgate.telemetry.supervision import Supervision
from voltgate.web import message_log
from voltgate.web.issued_tokens import IssuedTokens
from voltgate.web.user_access import UserAccess

GATEWAY, TEST = "the gateway", "the test"
TASKS = {"register", "late pages", "configuration", "http", "api tokens", "store writing", "store looking"} | {
    "api users",
    "station security",
    "csms costs",
    "csms heard",
    "csms presence",
    "csms rounds",
    "csms jobs",
    "csms old rows",
    "csms certificates",
    "uploads",
    "csms watch",
    "monitoring",
    "monitoring of the rest",
    "message log entries",
    "message log writer",
    "recording",
    "alerts",
    "alerts sending",
    "alerts upkeep",
}
"""The tasks of a running gateway with everything switched on, while nobody asks anything of it."""
SAID = Said("cp-1", "CP-1", "ocpp1.6", "", "", {"holder": "here"}, 1_780_000_000.0)
"""Something that the management system has to answer."""
CALLBACKS = {"deadlines", "callbacks"}
"""What the event loop calls as long as the process lives."""


@dataclass(eq=False)
class Breaks:
    """Something that fails when it is told to, once, and is itself otherwise. `called` counts that."""

    real: Callable[..., Any]
    fails: bool = False
    called: int = 0

    def __call__(self, *args: Any, **more: Any) -> Any:
        """Fail, or do it."""
        if self.fails:
            self.fails = False
            raise RuntimeError("what nobody should read")
        self.called += 1
        return self.real(*args, **more)


@dataclass
class Instance:
    """A gateway in this process: its parts, and what its supervision takes for the time."""

    process: Process
    http: int
    reload: asyncio.Event
    now: list[float]

    async def tasks(self) -> dict[str, Any]:
        """Return what /readyz says of its tasks."""
        reply = await get(self.http, "/readyz")
        assert reply.status == 200
        assert "nobody should read" not in reply.body
        assert "Traceback" not in reply.body
        return json.loads(reply.body)["tasks"]  # type: ignore[no-any-return]

    async def clock(self) -> dict[str, Any]:
        """Return what /readyz says of the clock."""
        return json.loads((await get(self.http, "/readyz")).body)["clock"]  # type: ignore[no-any-return]

    async def metric(self, name: str, task: str) -> float:
        """Return a number that /metrics shows of a task."""
        families = text_string_to_metric_families((await get(self.http, "/metrics")).body)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return next(sample.value for sample in samples if sample.labels == {"task": task})


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    """A gateway with a database, an API and listeners of each kind."""
    with capture_logs():
        async with gateway(tmp_path, monkeypatch) as running:
            yield running


@asynccontextmanager
async def gateway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    """Run one, which has little patience."""
    now, made = [100.0], list[Process]()
    monkeypatch.setattr(composition, "Supervision", lambda clock: Supervision(lambda: now[0], shortest=0.01))
    monkeypatch.setattr(IssuedTokens.follow, "__defaults__", (0.05,))
    monkeypatch.setattr(UserAccess.follow, "__defaults__", (0.05,))
    monkeypatch.setattr(process, "_TEND", 0.05)
    monkeypatch.setattr(process, "_READ_AGAIN", 0.05)
    monkeypatch.setattr(monitoring, "_SOON", 0.05)
    monkeypatch.setattr(monitoring, "_SELDOM", 0.05)
    monkeypatch.setattr(monitoring, "LOOKS", 1e9)
    monkeypatch.setattr(alerting, "_TICK", 0.05)
    monkeypatch.setattr(alerting, "_UPKEEP", 0.05)
    monkeypatch.setattr(sender, "_LOOK", 0.05)
    monkeypatch.setattr(reloading, "_LOOK_AT_FILES", 0.05)
    monkeypatch.setattr(csms, "_TEND", 0.05)
    monkeypatch.setattr(csms, "_LOOK", 0.05)
    monkeypatch.setattr(operating, "_PURGE", 0.05)
    monkeypatch.setattr(job_runner, "_PAUSE", 0.05)
    monkeypatch.setattr(csms, "_WATCH", 1.0)
    monkeypatch.setattr(message_log, "_LOOK", 0.05)
    monkeypatch.setattr(database, "_LOOK", 0.5)
    monkeypatch.setattr(Process, "_freeze", lambda self: None)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(process, "Process", lambda loaded, worker: made.append(Process(loaded, worker)) or made[0])
    http, file = free_port(), folder / "voltgate.toml"
    listen = {
        "stations": [f"ws://127.0.0.1:{free_port()}"],
        "soap": [f"http://127.0.0.1:{free_port()}"],
        "http": f"127.0.0.1:{http}",
        "uploads": f"127.0.0.1:{free_port()}",
    }
    csms_section, own = {"uploads": "http://gateway.example"}, {"url": "local:"}
    parts = {"listen": listen, "csms": csms_section, "backends": {"own": own}, "shutdown": {"grace": 0, "spread": 0}}
    file.write_text(toml(parts))
    stop, reload, ready = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def begun(_: Running) -> None:
        ready.set()

    loop = asyncio.get_running_loop()
    serving = loop.create_task(process.serve(read(file, {}), begun, stop, reload), name=GATEWAY)
    try:
        await within(ready.wait(), "the gateway listens")
        yield Instance(made[0], http, reload, now)
    finally:
        stop.set()
        await within(serving, "the gateway ends")
        loop.set_exception_handler(None)


def named() -> set[str]:
    """Return the names of the tasks of this loop, but for the test's own, and those that give a connection back."""
    here = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not here]
    return {task.get_name() for task in tasks if "AsyncConnection.close" not in repr(task.get_coro())} - {GATEWAY}


async def test_each_of_them_is_named(running: Instance) -> None:
    """A running gateway has the tasks that are listed here, no more and no fewer, and says so."""
    await until(lambda: named() == TASKS, "each has begun, and the answer to who asked if it is ready has gone out")
    for _ in range(20):
        assert named() == TASKS, "is each supervised?"
        await asyncio.sleep(0.01)
    assert set(await running.tasks()) == TASKS | CALLBACKS


def _have_signed(signer: Signer) -> None:
    signer.authority = Authority(Path("none"), Path("none"))
    signer.ask(Asked(SAID, print))


def breakable(running: Instance, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Breaks, Callable[[], object]]]:
    """Return for each task what can be made to fail in it, and what makes it run into that."""
    parts, web, loop = running.process._parts, running.process._web, asyncio.get_running_loop()
    assert web is not None

    def breaking(owner: object, name: str) -> Breaks:
        breaks = Breaks(getattr(owner, name))
        monkeypatch.setattr(owner, name, breaks)
        return breaks

    server = web.servers["http"]._server.__class__
    served, uploaded = Breaks(server.on_tick), Breaks(server.on_tick)
    deadline, callback = Breaks(lambda now: None), Breaks(lambda: None)
    uploads = running.process._uploads
    assert uploads is not None

    def tick(self: Any, counter: int) -> Any:
        return (uploaded if self is uploads._server else served)(self, counter)

    monkeypatch.setattr(server, "on_tick", tick)
    store, system = parts.database, parts.csms
    assert store is not None
    assert system is not None
    assert parts.operating is not None
    recorder, security = parts.messages.recorder, parts.surroundings.authentication.security
    return {
        "register": (breaking(parts.claiming, "tidy"), bool),
        "late pages": (breaking(parts.gateway, "read_again"), bool),
        "station security": (breaking(security, "_write"), security._wake.set),
        "monitoring": (breaking(parts.monitoring._rates, "look"), bool),
        "monitoring of the rest": (breaking(parts.monitoring._lengths, "end_round"), bool),
        "alerts": (breaking(parts.alerting, "_follow_names"), bool),
        "alerts sending": (breaking(parts.alerting.sender, "_claim"), bool),
        "alerts upkeep": (breaking(parts.alerting, "keep_up"), bool),
        "configuration": (breaking(running.process._reload, "change"), running.reload.set),
        "http": (served, bool),
        "api tokens": (breaking(web.access.issued, "read"), bool),
        "api users": (breaking(web.access.users, "read"), bool),
        "store writing": (breaking(store, "_tend"), store._wake.set),
        "store looking": (breaking(database, "measure_journal"), bool),
        "csms costs": (breaking(system, "tell_costs"), bool),
        "csms heard": (breaking(system, "write_seen"), bool),
        "csms presence": (breaking(parts.carriers.local, "look"), bool),
        "csms watch": (breaking(parts.watch, "look"), bool),
        "csms rounds": (breaking(system.rounds, "_round"), partial(system.rounds.answer, SAID, Entry(came), print)),
        "csms jobs": (breaking(parts.operating.parts.jobs, "claim"), bool),
        "csms old rows": (breaking(parts.operating.parts.jobs, "purge"), bool),
        "csms certificates": (breaking(system.signer, "_sign"), partial(_have_signed, system.signer)),
        "uploads": (uploaded, bool),
        "message log entries": (breaking(recorder, "flush"), partial(setattr, recorder, "asked", Recording(("x",)))),
        "message log writer": (breaking(recorder, "_listen"), recorder._is_wanted.set),
        "recording": (breaking(parts.messages, "_look"), partial(setattr, parts.messages, "_seen", None)),
        "deadlines": (deadline, lambda: parts.wheel.at(0.0, deadline)),
        "callbacks": (callback, lambda: loop.call_soon(callback)),
    }


async def test_each_of_them_is_killed_and_goes_on(running: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of any is shown, without what it says, and counted; its work is done again, and it is shown as well."""
    broken, supervision = breakable(running, monkeypatch), running.process._parts.supervision
    assert set(broken) == TASKS | CALLBACKS
    for name, (breaks, poke) in broken.items():
        breaks.fails = True
        poke()
        await until(lambda breaks=breaks: not breaks.fails, f"{name} fails")
        await until(lambda name=name: supervision.fails(name), f"{name} has let go of what it held")
        state = await running.tasks()
        assert {each: state[each]["status"] for each in state} == {
            each: "failing" if each == name else "ok" for each in broken
        }
        assert (state[name]["faults"], state[name]["problem"]) == (1, "RuntimeError")
        assert state[name]["since"].endswith("Z")
        assert await running.metric("voltgate_task_failing", name) == 1
        breaks.called = 0
        poke()
        await until(lambda breaks=breaks: breaks.called, f"{name} goes on")
        running.now[0] += 11
        assert (await running.tasks())[name] == {"status": "ok", "faults": 1}
        assert await running.metric("voltgate_task_faults_total", name) == 1


async def test_a_clock_that_jumps_is_shown(running: Instance) -> None:
    """A jump of the calendar is noticed at once, though nobody asks for the time."""
    assert (await running.clock())["jumps"] == 0
    running.process._parts.calendar.wall = lambda: time.time() + 30 * 86400
    await until(lambda: running.process._parts.calendar.jumps, "the jump is noticed")
    assert await running.clock() == {"steady": False, "jumps": 1}
    assert "voltgate_clock_jumps 1.0" in (await get(running.http, "/metrics")).body


SPAWNERS = {"create_task", "ensure_future", "TaskGroup", "call_later", "call_at", "Thread", "ThreadPoolExecutor"} | {
    "run_in_executor",
    "to_thread",
    "start_soon",
}
BEGUN = {
    ("alerts/channels/apprise_channel.py", "_send_now"): "one message, which is tried again",
    ("alerts/channels/http.py", "_context"): "the authorities to trust, for one message",
    ("alerts/channels/mail.py", "_context"): "the authorities to trust, for one message",
    ("app/supervisor.py", "_hand_on"): "two seconds to the end of workers that do not hear the second signal",
    ("app/supervisor.py", "_longest_end"): "one look at the configuration, at the end; without it the last one counts",
    ("app/supervisor.py", "run"): "one task for each worker: a fault ends all, and the workers see that it has ended",
    ("app/monitoring.py", "look_around"): "one look at disks and certificates, within its time",
    (
        "alerts/sender.py",
        "run",
    ): "one message, or what says that some are being sent; a fault ends all, and they go again",
    ("app/alerting.py", "_follow_names"): "one look at the file of names",
    ("store/alerts.py", "_tell_group"): "one message is written, for who waits for it",
    ("store/alerts.py", "_digest"): "one digest is written, for who waits for it",
    ("app/route_editing.py", "_take"): "puts the file back, for who waits for it",
    ("app/route_editing.py", "check"): "one look at the routes, for who waits for it",
    ("app/route_editing.py", "put"): "one change of the file, for who waits for it",
    ("app/route_editing.py", "show"): "one look at the file, for who waits for it",
    ("app/foreground.py", "_foreground"): "tells the service manager; it restarts who says nothing any more",
    ("app/service_manager.py", "attend"): "says once that the process is to end",
    ("app/life.py", "_tick"): "the ticks: supervised as deadlines",
    ("app/reloading.py", "_change"): "one look at the configuration: what it raises ends that change",
    ("carriers/amqp/answering.py", "_done"): "one acknowledgement, which may fail: the message comes again",
    ("carriers/amqp/publisher.py", "put"): "what waits for one queue; a fault ends the connection, which is made again",
    ("carriers/memory.py", "__call__"): "one station's calls to a backend in this process; ends with its link",
    ("carriers/soap/client.py", "_look_out"): "looks at posts while there are any; goes on first, then looks",
    ("carriers/soap/client.py", "_open"): "one connection, within its time",
    ("carriers/websocket/listener.py", "_spawn"): "one handshake, within its time",
    ("carriers/websocket/resolver.py", "_question"): "one look-up, which its askers bound",
    ("cluster/post.py", "_begin_answer"): "one answer to another node, within its asker's patience",
    ("dialler.py", "start"): "one dial, within its time; a fault fails the leg, which is dialled again",
    ("web/audited.py", "add"): "the end of one count of refusals; the next refusal of that kind begins another",
    ("csms/job_runner.py", "_batch"): "one command of a job: what it raises is its outcome",
    ("csms/job_runner.py", "_run"): "keeps the lease of one job; ends with it",
    ("csms/job_runner.py", "run"): "one job; a fault ends all, and the supervised task begins them again",
    ("csms/signing.py", "_sign"): "one request of a station; a fault is one of the supervised task",
    ("csms/uploads.py", "address"): "one file of the folder, for who waits for it",
    ("csms/uploads.py", "take_back"): "one file of the folder, for who waits for it",
    ("directory/revocation.py", "status"): "one question about a certificate, within its time; a fault is its askers'",
    ("directory/hashes.py", "__init__"): "threads that verify passwords; what is raised there its asker gets",
    ("web/station_security.py", "change_password"): "one hash, for who waits for it",
    ("leaving.py", "let_all_go"): "the farewell to one station, within the grace",
    ("replay/playing.py", "_link"): "of a command: what one link hears; a fault ends the replay",
    ("replay/playing.py", "_over"): "of a command: its end, or a signal",
    ("replay/playing.py", "as_stations"): "of a command: one station; a fault ends the replay",
    ("replay/playing.py", "meet"): "of a command: what one station is asked; a fault ends its link",
    ("soap_gateway.py", "_spawn"): "one exchange with a station",
    ("store/once.py", "__init__"): "the patience of one caller",
    ("store/csms/store.py", "_apart"): "what is decided in one round, for who waits for it",
    ("telemetry/lines.py", "_start"): "the thread that writes the log: what it cannot write is lost, and it goes on",
    ("telemetry/supervision.py", "_begin"): "every task that is supervised",
    ("telemetry/traces.py", "__init__"): "the thread that sends spans; what is raised there its asker gets",
    ("telemetry/traces.py", "_flush"): "one export, for the supervised task",
    ("web/connections.py", "_look"): "the patience with one connection",
    ("web/connections.py", "run_asgi"): "the end of one websocket",
    ("web/live/feeds.py", "__init__"): "what some live pages are told, as long as they are: begun again after a fault",
    ("web/live/pages.py", "_serve"): "one live page; ends with its websocket",
    ("web/wide/streams.py", "_look"): "one node that a reader follows: its fault ends the stream of that reader",
    ("web/wide/streams.py", "_run"): "what one reader hears of this node; ends with its stream",
    ("web/wide/streams.py", "heard"): "what one reader hears of all nodes; ends with its stream",
    ("web/wide/subscriptions.py", "_begin"): "ends what is asked for no more; begun again with the next subscription",
    ("web/api/csms/readings.py", "picture"): "one picture, for who waits for it",
    ("web/csms/imports.py", "read_items"): "one list, for who waits for it",
    ("web/api/csms/uploads.py", "download"): "one look into the folder, for who waits for it",
    ("web/api/csms/stations.py", "remove"): "one look into the folder, for who waits for it",
    ("web/api/csms/uploads.py", "remove"): "one look into the folder, for who waits for it",
    ("web/api/csms/uploads.py", "uploads"): "one look into the folder, for who waits for it",
    ("web/single_sign_on/provider.py", "_context"): "the authorities to trust, for who waits for it",
    ("web/single_sign_on/sign_on.py", "_claims"): "what verifies is loaded, for who waits for it",
    ("web/uploads.py", "_finished"): "the end of one upload, for who waits for it",
    ("web/uploads.py", "_take"): "one upload's bytes, for who waits for it",
    ("web/message_log.py", "__init__"): "threads that search the message log: what is raised there its asker gets",
    ("web/message_log.py", "aside"): "one search, or one note in the folder of the log, for who waits for it",
    ("web/stream.py", "__call__"): "one reader of a stream; ends with its connection",
}
"""Where tasks, timers and threads are begun, and why each of them is supervised or need not be: it ends by itself."""


def spawning() -> Iterator[tuple[str, str]]:
    """Yield each function of the gateway that begins a task, a timer or a thread, with its file."""
    source = Path(voltgate.__file__).parent
    for file in sorted(source.rglob("*.py")):
        where = file.relative_to(source).as_posix()
        for function in ast.walk(ast.parse(file.read_text())):
            if where.startswith(("simulator/", "client/")) or not isinstance(
                function, ast.FunctionDef | ast.AsyncFunctionDef
            ):
                continue
            for node in ast.walk(function):
                called = node.func if isinstance(node, ast.Call) else None
                name = getattr(called, "attr", getattr(called, "id", ""))
                if name in SPAWNERS:
                    yield where, function.name


def test_nothing_else_begins_anything() -> None:
    """Whoever begins a task, a timer or a thread says here why a fault in it ends nothing that has to go on."""
    assert set(spawning()) == set(BEGUN)
