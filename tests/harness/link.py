"""A link: one end of a connection that carries OCPP-J, controlled by a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any
from uuid import uuid4

from websockets.protocol import Protocol as WebSocket

from tests.harness.connection import Connection
from tests.harness.messages import CALL, ERROR, RESULT, Answering, Message, compact
from tests.harness.transcript import Transcript


class Link(Connection):
    """One end of a connection that carries OCPP-J.

    What it receives is kept until the test reads it with one of the `expect` methods; calls are answered by the test,
    or automatically after `answers`.
    """

    def __init__(
        self,
        name: str,
        websocket: WebSocket,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        transcript: Transcript,
    ) -> None:
        super().__init__(name, websocket, streams, transcript)
        self._inbox: deque[Message] = deque()
        self._answers: dict[str, Answering] = {}

    @property
    def unread(self) -> list[Message]:
        """What was received and has not been read by the test."""
        return list(self._inbox)

    # Sending.

    async def ask(self, action: str, payload: Any = None, id: str | None = None, *, kind: int = CALL) -> str:  # noqa: A002
        """Send a call and return its id; its answer is read with `expect_answer`."""
        message_id = str(uuid4()) if id is None else id
        self.send(compact(kind, message_id, action, {} if payload is None else payload))
        await self.drained()
        return message_id

    async def call(self, action: str, payload: Any = None, id: str | None = None) -> Message:  # noqa: A002
        """Send a call and return its answer, a result or an error."""
        return await self.expect_answer(await self.ask(action, payload, id))

    async def answer(self, call: Message, payload: Any = None) -> None:
        """Answer a call with a result."""
        self.send(compact(RESULT, call.id, {} if payload is None else payload))
        await self.drained()

    async def fail(self, call: Message, code: str, description: str = "", details: Any = None) -> None:
        """Answer a call with an error."""
        self.send(compact(ERROR, call.id, code, description, {} if details is None else details))
        await self.drained()

    def answers(self, action: str, payload: Answering = None) -> None:
        """Answer every such call automatically from now on; `payload` may be a function of the call."""
        self._answers[action] = payload

    # Receiving.

    async def next(self) -> Message:
        """Return the next message, of any kind."""
        await self._until(lambda: self._inbox, "a message")
        return self._inbox.popleft()

    async def expect(self, action: str, *, id: str | None = None, kind: int = CALL) -> Message:  # noqa: A002
        """Return the next message; fail unless it is this call."""
        message = await self.next()
        found = message.kind == kind and message.action == action and id in (None, message.id)
        assert found, f"{self.name}: expected the call {action} {id or ''}, got {message.text}\n{self._transcript}"
        return message

    async def expect_answer(self, message_id: str) -> Message:
        """Wait for the answer with this id and return it; messages before it stay unread."""

        def found() -> Message | None:
            return next((m for m in self._inbox if _answers(m, message_id)), None)

        message: Message = await self._until(found, f"an answer to {message_id}")
        self._inbox.remove(message)
        return message

    async def expect_result(self, message_id: str) -> Message:
        """Wait for the answer with this id and return it; fail unless it is a result."""
        message = await self.expect_answer(message_id)
        assert message.kind == RESULT, f"{self.name}: expected a result, got {message.text}\n{self._transcript}"
        return message

    async def expect_error(self, message_id: str, code: str | None = None) -> Message:
        """Wait for the answer with this id and return it; fail unless it is an error (with this code)."""
        message = await self.expect_answer(message_id)
        found = message.kind == ERROR and code in (None, message.code)
        assert found, f"{self.name}: expected the error {code or ''}, got {message.text}\n{self._transcript}"
        return message

    async def expect_text(self, text: str) -> Message:
        """Return the next message; fail unless it is exactly this text."""
        message = await self.next()
        assert message.text == text, f"{self.name}: expected {text}, got {message.text}\n{self._transcript}"
        return message

    async def silence(self) -> None:
        """Fail if anything unread was received, or is on its way."""
        await self.ping()
        assert not self._inbox, f"{self.name}: expected nothing, got {self.unread}\n{self._transcript}"

    # Inside.

    def _text(self, text: str) -> None:
        message = Message(text)
        with contextlib.suppress(ValueError, AssertionError, IndexError):
            if message.kind == CALL and message.action in self._answers:
                given = self._answers[message.action]
                payload = given(message) if callable(given) else given
                self.send(compact(RESULT, message.id, {} if payload is None else payload))
                return
        self._inbox.append(message)


def _answers(message: Message, message_id: str) -> bool:
    try:
        return message.kind in (RESULT, ERROR) and message.parts[1] == message_id
    except (ValueError, AssertionError, IndexError):
        return False
