"""The messages of OCPP-J as values, and `Handler`, the one signature of everything that makes or answers calls.

A call or reply keeps the bytes it arrived as, so that a message that needs no change is sent on unchanged.
Source: OCPP-J 1.6 section 4; OCPP 2.1 Part 4 section 4.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import msgspec

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6
"""The message type numbers. 5 and 6 exist in 2.1 only (Part 4 section 4.1.3)."""

FOREVER = float("inf")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The exceptions that decoding a far end's JSON can raise."""


def _fields(payload: bytes | msgspec.Raw) -> dict[str, Any]:
    """Return a payload parsed; `{}` if it is no object, is nested too deeply or holds a number that is too large."""
    try:
        parsed = msgspec.json.decode(payload)
    except UNREADABLE:
        return {}
    return parsed if isinstance(parsed, dict) else {}


class Origin(Protocol):
    """The connection on which a reply arrived, and to which a CALLRESULTERROR about it is sent (2.1)."""

    name: object
    """Who gives answers here."""
    stay: int
    """The number of the connection."""

    def complain(self, message_id: str, text: bytes, stay: int) -> None:
        """Send the CALLRESULTERROR `text` to the sender of the result `message_id`, if connection `stay` is open."""


class Call:
    """A request: CALL, or SEND when `kind` says so.

    `text` is the whole message as it arrived, `frame` the websocket frame it arrived in (None when there was none that
    can be sent on verbatim), `payload` the JSON of the payload. `at` and `deadline` are seconds on the clock of the
    event loop; a hop may only shorten the deadline. `asker` identifies who made the call: turns are shared fairly
    between askers. `objection` is asked when the call has waited and is about to be sent: it returns the reply that
    the call gets instead, None if it may still be sent. `original` is the call as it arrived, if this is made of it.
    `said` is a short name of what it says, "" until somebody has made one.
    """

    __slots__ = (
        "_fields", "action", "asker", "at", "deadline", "frame", "id", "kind", "objection", "original", "payload",
        "said", "text",
    )  # fmt: skip

    def __init__(
        self, id: str, action: str, payload: bytes | msgspec.Raw, text: bytes | None = None, kind: int = CALL
    ) -> None:
        self.id = id
        self.action = action
        self.payload = payload
        self.text = text
        self.frame: bytes | None = None
        self.kind, self.said = kind, ""
        self.at, self.deadline = 0.0, FOREVER
        self.asker: object = None
        self.objection: Callable[[], Reply | None] | None = None
        self.original: Call | None = None
        self._fields: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The payload, parsed on first use; `{}` for anything else than an object, null included, and if unreadable."""
        if self._fields is None:
            self._fields = _fields(self.payload)
        return self._fields

    @property
    def size(self) -> int:
        """The bytes that it is held in, which count against the bounds of queues."""
        return len(self.text or b"") or len(bytes(self.payload))

    def with_payload(self, payload: bytes | msgspec.Raw) -> Call:
        """Return the same call, of the same asker and with the same deadline, with another payload."""
        call = Call(self.id, self.action, payload, None, self.kind)
        call.at, call.deadline, call.asker = self.at, self.deadline, self.asker
        call.objection, call.original = self.objection, self.original or self
        return call

    def __repr__(self) -> str:
        return f"Call({self.id!r}, {self.action!r}, {len(bytes(self.payload))} bytes)"


class Result:
    """A CALLRESULT. `id` is the message id it arrived under; `text`, `frame` and `original` are as in `Call`."""

    __slots__ = ("frame", "id", "origin", "original", "payload", "text")

    def __init__(self, id: str, payload: bytes | msgspec.Raw, text: bytes | None = None) -> None:
        self.id = id
        self.payload = payload
        self.text = text
        self.frame: bytes | None = None
        self.origin: Origin | None = None
        self.original: Result | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The payload, parsed; `{}` as in `Call.fields`. It is not cached, because it is read at most once."""
        return _fields(self.payload)

    def with_payload(self, payload: bytes | msgspec.Raw) -> Result:
        """Return the same result with another payload: a complaint about it goes where it came from."""
        result = Result(self.id, payload)
        result.origin, result.original = self.origin, self.original or self
        return result

    def __repr__(self) -> str:
        return f"Result({self.id!r}, {len(bytes(self.payload))} bytes)"


class Error:
    """A CALLERROR. `details` is JSON; `text` and `frame` are as in `Call`."""

    __slots__ = ("code", "description", "details", "frame", "id", "origin", "text")

    def __init__(
        self, id: str, code: str, description: str = "", details: bytes | msgspec.Raw = b"{}", text: bytes | None = None
    ) -> None:
        self.id = id
        self.code = code
        self.description = description
        self.details = details
        self.text = text
        self.frame: bytes | None = None
        self.origin: Origin | None = None

    def __repr__(self) -> str:
        return f"Error({self.id!r}, {self.code}, {self.description!r})"


class Reason(enum.Enum):
    """Why a call has no answer of its receiver."""

    TIMED_OUT = "timed out"
    GONE = "gone"
    OVERLOADED = "overloaded"
    REFUSED = "refused"
    MALFORMED = "malformed"


class Unanswered(Error):  # noqa: N818 - OCPP's Error, not Python's
    """The Error that Voltgate makes itself when no usable answer came, so that every call is answered.

    `id` is the message id that the call was sent under, "" when it never was.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: Reason, description: str, code: str = "InternalError") -> None:
        super().__init__("", code, description)
        self.reason = reason


Reply: TypeAlias = Result | Error
"""The answer to a call; an `Unanswered` is an Error with a reason."""

Respond: TypeAlias = Callable[[Reply], None]
"""Called exactly once for each call; may run before the handler returns."""

Handler: TypeAlias = Callable[[Call, Respond], None]
"""Returns at once; the answer comes through `respond`. The respond of a SEND is `unheard`."""


def unheard(reply: Reply) -> None:
    """Do nothing: the respond of a SEND and of a copy, whose answers nobody waits for."""
