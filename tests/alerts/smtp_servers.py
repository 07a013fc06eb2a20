"""Mail servers for tests: aiosmtpd, which is a real one, and one that follows a script to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "voltgate", "TOP-SECRET-PÄSS"


class Inbox:
    """What a server has taken. `refused` are the answers to recipients that it does not take."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.refused: dict[str, str] = {}
        self.authenticated: list[Any] = []
        self.secure: list[bool] = []
        self.verdict = "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.verdict.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.raw.append(envelope.content)
            self.mails.append((list(envelope.rcpt_tos), mail))
            self.authenticated.append(session.auth_data)
            self.secure.append(server.transport.get_extra_info("sslcontext") is not None)
        return self.verdict


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """What a server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@contextlib.asynccontextmanager
async def smtp_server(
    inbox: Inbox, context: ssl.SSLContext | None = None, *, secure: bool = False, auth: bool = False, port: int = 0
) -> AsyncIterator[int]:
    """Run aiosmtpd on a port: with STARTTLS or (`secure`) TLS from the start where it has a certificate."""

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        found = (data.login, data.password)
        return AuthResult(success=found == (USER.encode(), PASSWORD.encode()), auth_data=mechanism, handled=False)

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it takes TLS from the start for none, and warns
            return serving()

    def serving() -> SMTP:
        return SMTP(
            inbox,
            hostname="mail.test",
            tls_context=None if secure else context,
            require_starttls=context is not None and not secure,
            authenticator=authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=not secure,
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=context if secure else None)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def scripted_server(*answers: str, greeting: str = "220 hello") -> AsyncIterator[tuple[int, list[str]]]:
    """Run a server that answers each line by the next answer: "" never answers, "." hangs up."""
    heard: list[str] = []
    over = asyncio.Event()
    serving = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        for answer in (greeting, *answers):
            if answer == ".":
                break
            if not answer:
                await over.wait()
                break
            writer.write(answer.encode() + b"\r\n")
            line = (await reader.readline()).decode().strip()
            heard.append(line)
            while line and heard[-1] != "." and answer.startswith("354"):
                heard.append((await reader.readline()).decode().rstrip("\r\n"))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        over.set()
        await asyncio.gather(*serving)


def dead_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
