"""The address that stations upload their diagnostics and logs to: PUT or POST /uploads/{secret}.

A station may put a name of its own behind the secret; it is not looked at. The body is kept byte for byte, a form with
a file in it as the form that it is. It is served without tokens: the secret in the address is the permission.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from voltgate.csms.uploads import PREFIX, Arriving, Folder, Full, NoTicket, Part, Refused, TooLarge

AT_ONCE = 20
"""Uploads that arrive at the same time; more are told to come later."""
_BLOCK = 1 << 20
"""Bytes that are collected before they are written."""
_STATUSES: dict[type[Refused], int] = {
    NoTicket: HTTPStatus.NOT_FOUND,
    Arriving: HTTPStatus.CONFLICT,
    TooLarge: 413,
    Full: HTTPStatus.INSUFFICIENT_STORAGE,
}


class Uploads:
    """An ASGI application that takes uploads into a folder, within its bounds.

    What is no upload is for `others`, and found nowhere without them.
    """

    def __init__(self, others: ASGIApp | None, folder: Folder) -> None:
        self._folder = folder
        self._others = others
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. The server closes the connection if its body was not read to the end."""
        answer: ASGIApp = _said(404, "Files are uploaded here, to an address that a station was given")
        if scope["path"].startswith(PREFIX):
            answer = await self._answer(Request(scope, receive))
        elif self._others is not None:
            answer = self._others
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in {"PUT", "POST"}:
            return _said(405, "Files are uploaded here, by PUT or POST", allow="PUT, POST")
        if self._arriving >= AT_ONCE:
            return _said(503, "Too many files arrive now: try again", **{"retry-after": "60"})
        self._arriving += 1
        try:
            await self._take(request)
        except Refused as refused:
            return _said(_STATUSES[type(refused)], str(refused))
        except TimeoutError:
            return _said(408, "The file did not come in time")
        except ClientDisconnect:
            return _said(400, "The file did not come whole")
        finally:
            self._arriving -= 1
        return _said(201, "Thank you")

    async def _take(self, request: Request) -> None:
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._folder.bounds.file:
            raise TooLarge(f"An upload may have {self._folder.bounds.file:,} bytes")
        secret = request.url.path.removeprefix(PREFIX).partition("/")[0]
        part = await asyncio.to_thread(self._folder.begin, secret)
        try:
            async with asyncio.timeout(self._folder.bounds.patience):
                async for block in _blocks(request.stream()):
                    await asyncio.to_thread(part.write, block)
        except BaseException:
            part.abandon()  # at once, also when this is cancelled: it is a short matter
            raise
        await _finished(part)


async def _finished(part: Part) -> None:
    """Keep a file; that is not interrupted half-way."""
    await asyncio.shield(asyncio.to_thread(part.finish))


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Collect what arrives into blocks that are worth a thread."""
    held = bytearray()
    async for some in stream:
        held += some
        if len(held) >= _BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _said(status: int, sentence: str, **headers: str) -> Response:
    return PlainTextResponse(f"{sentence}.\n", status, headers)
