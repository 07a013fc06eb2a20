"""A small HTTP client for the gateway's own pages."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.datastructures import Headers

from tests.harness.waiting import within


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of the gateway's own pages."""

    status: int
    headers: Headers
    body: str


async def get(port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
    """Send one request to the gateway's HTTP port and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        raw = await within(reader.read(), f"{path} is answered")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in rest]
    found = Headers([(name.strip(), value.strip()) for name, _, value in pairs])
    if found.get("Transfer-Encoding", "").lower() == "chunked":
        body = _unchunked(body)
    return Reply(int(first.split(" ")[1]), found, body.decode())


async def asked(socket_file: Path, path: str, *headers: str) -> tuple[int, Any]:
    """Ask at a unix socket; return the status and the JSON of the answer."""
    reader, writer = await asyncio.open_unix_connection(str(socket_file))
    lines = [f"GET {path} HTTP/1.1", "Host: here", "Connection: close", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head, _, body = (await within(reader.read(), "an answer")).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ")[1]), json.loads(body)


async def listens_at(socket_file: Path) -> bool:
    """Return whether a gateway that is ready listens at a unix socket."""
    try:
        return (await asked(socket_file, "/readyz"))[0] == 200
    except (ConnectionError, FileNotFoundError):
        return False


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def basic(user: str, password: str | bytes) -> str:
    """Return the value of an Authorization header."""
    secret = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()
