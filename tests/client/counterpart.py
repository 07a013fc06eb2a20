"""A small real HTTP server that answers as the API does, and commands as a user types them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.harness import VOLTGATE
from tests.harness.offspring import ended

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: JSON, or pieces of a text that are sent one by one; a piece None breaks the connection."""

    status: int = 200
    document: Any = None
    kind: str = "application/json"
    pieces: tuple[str | None, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, title: str, detail: str = "", **more: Any) -> Answer:
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "/", **more}
    return Answer(status, document, "application/problem+json")


def stream(*pieces: str | None) -> Answer:
    return Answer(kind="text/event-stream", pieces=pieces)


def sse(kind: str, document: object, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(document)}\n\n"


Say = Callable[[Asked], Answer]


class Counterpart:
    """The server: what it answers is written by the test, what it was asked is kept."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._says: dict[str, list[Say | Answer]] = {}
        counterpart = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
                counterpart.asked.append(asked)
                self.write(counterpart.answer(asked))

            do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = do  # noqa: N815

            def write(self, answer: Answer) -> None:
                self.close_connection = bool(answer.pieces) or answer.status == 0
                if answer.status == 0:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-type", answer.kind)
                if answer.pieces:
                    self.send_header("connection", "close")
                    self.end_headers()
                    self.stream(answer.pieces)
                else:
                    data = b"" if answer.document is None else json.dumps(answer.document).encode()
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def stream(self, pieces: tuple[str | None, ...]) -> None:
                for piece in pieces:
                    if piece is None:
                        counterpart.closing.wait(DEADLINE)
                        return
                    self.wfile.write(piece.encode())
                    self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def says(self, request: str, *answers: Say | Answer | object) -> None:
        """Answer a request, "GET stations"; the last answer is given again and again."""
        method, _, path = request.partition(" ")
        ready = [one if isinstance(one, Answer) or callable(one) else Answer(document=one) for one in answers]
        self._says[f"{method} /api/v1/{path}"] = ready

    def answer(self, asked: Asked) -> Answer:
        says = self._says.get(f"{asked.method} {asked.path}")
        if says is None:
            return problem(404, "Not Found", f"There is nothing at {asked.path}.")
        say = says.pop(0) if len(says) > 1 else says[0]
        return say if isinstance(say, Answer) else say(asked)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join(DEADLINE)
        self._server.server_close()


@contextmanager
def nobody() -> Iterator[str]:
    """Give an address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def environment(home: Path, **more: str) -> dict[str, str]:
    """Give an environment in which nothing of this machine's own Voltgate or shell is left."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("VOLTGATE_", "SSH_"))}
    return kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "NO_COLOR": "1", "TZ": "UTC"} | more


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Types commands, in a folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def environment(self, **more: str) -> dict[str, str]:
        return environment(self.folder, VOLTGATE_URL=self.url, VOLTGATE_TOKEN="vg_test") | more

    def __call__(self, *words: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None) -> Ended:
        said = stdin.encode() if isinstance(stdin, str) else stdin
        code, out, err = ended(words, self.folder, self.environment() if env is None else env, said, DEADLINE)
        return Ended(code, out.decode(), err.decode())

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [*VOLTGATE, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment(),
            text=True,
            encoding="utf-8",
        )


def lines(process: subprocess.Popen[str], number: int) -> Iterator[str]:
    """Read so many lines of what a command prints."""
    assert process.stdout is not None
    for _ in range(number):
        yield process.stdout.readline().rstrip("\n")
