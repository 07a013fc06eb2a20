"""One station's share of a connection to RabbitMQ: a `Wire` whose messages are items of queues.

A call of the station goes to one of the queues of calls, always the same; its answer, and calls for the station, come
to the queue of this gateway. What is not passed on is answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.items import DISCONNECTED, Item
from voltgate.carriers.amqp.past import Open, Past, Sent
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.told import KEPT, ToldWire
from voltgate.carriers.bus_wire import GONE, UNKNOWN_OUTCOME
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.envelope import Asked, Read, Unreadable
from voltgate.ocpp.framing import Complaint, decode
from voltgate.ocpp.messages import CALL, RESULT_ERROR, SEND, Call, Error, Result

if TYPE_CHECKING:
    from voltgate.carriers.amqp.shape import Carrying

_MOST_ASKED = 64
"""Calls of a station whose answers are recognised, at least."""


class AmqpWire(ToldWire):
    """A station's wire, whose calls go to `queue`. `past` is what was left by a wire that was lost."""

    __slots__ = ("_head", "_open", "_queue", "_sent", "_was_sent")
    RETURNS = 5

    def __init__(
        self, post: Carrying, identity: str, protocol: str, queue: str, past: Past, told: dict[str, ToldWire]
    ) -> None:
        super().__init__(post, identity, protocol, told, shared=not past.apart)
        self._queue = queue
        self._head = items.head(identity, protocol)
        self._sent: dict[str, Sent] = {}
        """The station's calls, by their ids, the newest last."""
        self._was_sent = dict(past.sent)
        self._open: dict[str, Open] = {}
        """Calls for the station that it has not answered, by their ids."""
        for message_id, call in past.open.items():
            self._send_error(message_id, "InternalError", UNKNOWN_OUTCOME, call)

    def _say(self, event: str, settled: Callable[[Obstacle | None], None]) -> Obstacle | None:
        post = self._post
        item = items.event_item(self._head, event, post.wall() + post.patience)
        if event == DISCONNECTED:
            return post.put(self._queue, Outgoing(item, post.clock() + KEPT, settled, key=event))
        return post.put(self._queue, Outgoing(item, post.clock() + post.patience, settled))

    def _announced(self, obstacle: Obstacle | None) -> None:
        self._call_settled(obstacle)

    # What the relay says.

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one message of the station."""
        if self._is_over:
            return
        message = decode(text)
        match message:
            case Call():
                self._ask(message, text)
            case Result() | Error():
                self._answer(message, text)
            case Complaint():
                written = items.written(message, text, None, raw=self._post.raw)
                self._put(self._queue, self._post.mint(), written)

    def _ask(self, call: Call, text: bytes) -> None:
        key = self._key(call, text)
        if call.kind == CALL:
            self._sent.pop(call.id, None)
            self._sent[call.id] = Sent(text, key)
            if len(self._sent) > _MOST_ASKED:
                del self._sent[next(iter(self._sent))]
        obstacle = self._put(self._queue, key, items.written(call, text, None, raw=self._post.raw), self._call_settled)
        if obstacle is not None:
            self._post.soon(lambda: self.lose(obstacle.value))

    def _key(self, call: Call, text: bytes) -> str:
        """Return the key of a call: the one that it had when it was sent before.

        What somebody is paid by has the same one wherever and whenever it comes again, under its id.
        """
        if is_transaction(call.action):
            return hashlib.blake2b(self._head + text, digest_size=16).hexdigest()
        before = self._was_sent.pop(call.id, None)
        if before is not None and before.text == text:
            return before.key
        self._was_sent.clear()  # what is sent again goes first
        return self._post.mint()

    def _answer(self, reply: Result | Error, text: bytes) -> None:
        call = self._open.pop(reply.id, None)
        if call is not None:
            written = items.written(reply, text, call.asked, raw=self._post.raw)
            self._put(call.reply_to, call.key, written, self._answer_settled)

    def close(self, code: int, reason: str) -> None:
        """End: what was asked of the station and was not answered is answered now."""
        if self._is_over:
            return
        left, self._open = self._open, {}
        for message_id, call in left.items():
            self._send_error(message_id, "InternalError", reason or GONE, call)
        self._leave()

    # What the other side says.

    def take(self, item: Item, reply_to: str) -> None:
        """Take one message for the station."""
        found = items.read(item.text)
        if isinstance(found, Unreadable):
            self._post.counts.unreadable += 1
            self._send_error(found.id, found.code, found.description, Open(Asked("", b"{}"), item.key, reply_to))
        elif found.asked is None:
            self._replied(found, item.key)
        else:
            self._called(found, Open(found.asked, item.key, reply_to), item.until)

    def _replied(self, reply: Read, key: str) -> None:
        """Take an answer, to the call that has its key: an older call may have had the same id.

        It may be a call of another wire of the station: a reload gives it a new one, and what is open stays on the old.
        """
        if reply.kind == RESULT_ERROR and self._receiver is not None:  # about an answer of the station
            self._receive(reply.text)
            return
        wires = (each for each in self._post.wires(self.identity) if isinstance(each, AmqpWire))
        if not any(each.settle(reply, key) for each in wires):
            self._post.counts.repeated += 1

    def settle(self, reply: Read, key: str) -> bool:
        """Take the answer to a call that was sent here; return whether it was."""
        sent = self._sent.get(reply.id)
        if sent is None or sent.key != key:
            return False
        del self._sent[reply.id]
        self._receive(reply.text)
        return True

    def _called(self, call: Read, opened: Open, until: float) -> None:
        before = self._open.get(call.id)
        if until < self._post.wall():
            self._post.counts.late += 1
            self._send_error(call.id, "InternalError", "The call has come too late: do the clocks agree?", opened)
        elif before is not None and before.key == opened.key:
            self._post.counts.repeated += 1
        elif before is not None:
            self._send_error(call.id, "GenericError", "Another call with this id is open", opened)
        elif hindrance := self._hindrance:
            self._post.counts.turned_away += 1
            self._send_error(call.id, "InternalError", hindrance, opened)
        else:
            if call.kind != SEND:
                self._open[call.id] = opened
            self._bring(call.text, self._post.clock() + until - self._post.wall())

    # To the other side.

    def _put(
        self,
        queue: str,
        key: str,
        message: bytes,
        settled: Callable[[Obstacle | None], None] = lambda obstacle: None,
    ) -> Obstacle | None:
        post = self._post
        item = items.message_item(self._head, key, message, post.wall() + post.patience)
        return post.put(queue, Outgoing(item, post.clock() + post.patience, settled))

    def _send_error(self, message_id: str, code: str, description: str, call: Open) -> None:
        if call.reply_to:
            written = items.failed(message_id, code, description, call.asked, raw=self._post.raw)
            self._put(call.reply_to, call.key, written, self._answer_settled)

    def _answer_settled(self, obstacle: Obstacle | None) -> None:
        if obstacle is not None:
            self._post.counts.answers_lost += 1

    def _call_settled(self, obstacle: Obstacle | None) -> None:
        """Take what became of a call of the station: where it was not taken, its backend is away."""
        if obstacle is not None and obstacle is not Obstacle.LATE:  # whose asker has had an answer
            self.lose(f"{self._queue}: {obstacle.value}")

    def _past(self) -> Past:
        return Past(self._sent, self._open)
