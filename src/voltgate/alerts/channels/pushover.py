"""Pushover: messages on people's phones. Source: https://pushover.net/api."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from voltgate.alerts.channels.http import Answer, Poster
from voltgate.alerts.message import Message
from voltgate.alerts.plain import cut, one_line

ENDPOINT = "https://api.pushover.net/1/messages.json"
LONGEST_TITLE = 250
LONGEST_TEXT = 1024
EMERGENCY = 2
"""The priority that is repeated until somebody confirms it."""


@dataclass(frozen=True, slots=True)
class PushoverSettings:
    """Whom to tell, as what application, and how loudly.

    `priority` is -2 (silent) to 2 (until confirmed), `urgent` that of what endangers people. `repeat` and `expire` are
    the seconds between the repetitions of priority 2 and until their end. `url` is shown below a message.
    """

    user: str = field(repr=False)
    token: str = field(repr=False)
    endpoint: str = ENDPOINT
    device: str | None = None
    priority: int = 0
    urgent: int = 1
    repeat: int = 60
    expire: int = 3600
    sound: str | None = None
    url: str | None = None
    timeout: float = 30.0


class PushoverChannel:
    """Sends messages by Pushover."""

    def __init__(self, settings: PushoverSettings) -> None:
        self.settings = settings
        self._server = Poster(settings.endpoint, timeout=settings.timeout, secrets=(settings.user, settings.token))

    async def send(self, message: Message) -> str:
        """Send a message; return "". Raise ChannelFault."""
        form = {"user": self.settings.user, "token": self.settings.token, **fields(message, self.settings)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._server.post(urlencode(form, errors="replace").encode(), headers)
        if not answer.is_good:
            raise self._server.fault(answer, _errors(answer))
        return ""


def fields(message: Message, settings: PushoverSettings) -> dict[str, str]:
    """Return what Pushover is sent of a message, within its limits. It takes no empty message."""
    priority = settings.urgent if message.is_urgent else settings.priority
    sent: dict[str, object] = {
        "title": one_line(message.subject, LONGEST_TITLE),
        "message": cut(message.text.strip() or message.subject, LONGEST_TEXT),
        "timestamp": int(message.at),
        "priority": priority,
        "sound": settings.sound,
        "device": settings.device,
        "url": settings.url,
    }
    if priority == EMERGENCY:
        sent |= {"retry": settings.repeat, "expire": settings.expire}
    return {name: str(value) for name, value in sent.items() if value is not None}


def _errors(answer: Answer) -> str:
    """Return what Pushover says is wrong: `{"errors": ["application token is invalid"], "status": 0}`."""
    try:
        said = msgspec.json.decode(answer.text)
    except (msgspec.DecodeError, RecursionError):
        return ""
    errors = said.get("errors") if isinstance(said, dict) else None
    return "; ".join(map(str, errors)) if isinstance(errors, list) else ""
