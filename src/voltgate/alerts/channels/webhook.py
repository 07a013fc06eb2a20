"""Webhook: a POST of JSON, signed as Standard Webhooks has it (https://www.standardwebhooks.com).

Whoever receives it need not take our word: `webhook-signature` is `v1,` and the Base64 of an HMAC-SHA256, by a shared
secret, over `webhook-id`, `webhook-timestamp` and the body with a dot between them. `webhook-id`, and the same as
`Idempotency-Key`, stays what it is however often a message is sent.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from voltgate.alerts.channels.http import Poster
from voltgate.alerts.message import Message

PREFIX = "whsec_"
"""What begins a secret that is written in Base64."""
_WORDS = 120
"""Characters of an answer that are repeated."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where messages are posted to. The URL may hold a secret itself, as those of many services do."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None
    timeout: float = 30.0


class WebhookChannel:
    """Posts messages to a URL. Any 2xx is a yes; redirects are not followed."""

    def __init__(self, settings: WebhookSettings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._now = now
        self._key = key_of(settings.secret) if settings.secret else None
        secrets = (settings.secret or "", *settings.headers.values())
        self._server = Poster(settings.url, timeout=settings.timeout, ca=settings.ca, secrets=secrets)

    async def send(self, message: Message) -> str:
        """Post a message; return "". Raise ChannelFault."""
        body = msgspec.json.encode(_body(message))
        answer = await self._server.post(body, {**self.settings.headers, **self._headers(message.id, body)})
        if not answer.is_good:
            raise self._server.fault(answer, answer.text[:_WORDS])
        return ""

    def _headers(self, id: str, body: bytes) -> dict[str, str]:  # noqa: A002 - as in Message
        timestamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": id,
            "webhook-id": id,
            "webhook-timestamp": timestamp,
        }
        if self._key is not None:
            headers["webhook-signature"] = f"v1,{signature(self._key, id, timestamp, body)}"
        return headers


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for: the bytes of its Base64 behind `whsec_`, else its own. ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"must be Base64 behind {PREFIX}") from None


def signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:  # noqa: A002 - as in Message
    """Return the signature of a message, in Base64."""
    signed = f"{id}.{timestamp}.".encode() + body
    return b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _body(message: Message) -> dict[str, object]:
    """Return what is posted: all of a message but its HTML."""
    return {
        "id": message.id,
        "kind": message.kind,
        "severity": message.severity,
        "event": message.event,
        "at": message.at,
        "subject": message.subject,
        "text": message.text,
        "items": message.items,
    }
