"""People who are told, with a real server for each way to them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.alerts.http_servers import Receiver, receiver
from tests.alerts.smtp_servers import PASSWORD, USER, Inbox, server_context, smtp_server
from tests.harness import Json
from tests.keypair import write_chain
from voltgate.alerts.channels.webhook import signature

SECRET = "what-both-know"


@dataclass
class People:
    """Those who are told: a mailbox, a phone, and a machine that takes no message whose signature is not right."""

    inbox: Inbox
    phone: Receiver
    hook: Receiver
    channels: Json

    @property
    def hooked(self) -> list[Json]:
        """What the machine has got, each once; what came twice had the same id."""
        bodies = []
        for _, headers, body in self.hook.got:
            signed = signature(SECRET.encode(), headers["webhook-id"], headers["webhook-timestamp"], body)
            assert headers["webhook-signature"] == f"v1,{signed}"
            bodies.append(json.loads(body))
            assert bodies[-1]["id"] == headers["webhook-id"] == headers["idempotency-key"]
        return list({body["id"]: body for body in bodies}.values())

    @property
    def hooked_titles(self) -> Counter[str]:
        """The subjects that the machine has got."""
        return Counter(body["subject"] for body in self.hooked)

    @property
    def mailed(self) -> Counter[str]:
        """The subjects of the mails that have come."""
        return Counter(mail["Subject"] for _, mail in self.inbox.mails)

    @property
    def pushed(self) -> Counter[str]:
        """The titles on the phone."""
        return Counter(parse_qs(body.decode())["title"][0] for _, _, body in self.phone.got)


@asynccontextmanager
async def people_of(folder: Path) -> AsyncIterator[People]:
    """People with their servers, and the channels to them."""
    chain, key, root = write_chain(folder)
    inbox = Inbox()
    async with (
        smtp_server(inbox, server_context(chain, key), auth=True) as port,
        receiver() as phone,
        receiver() as hook,
    ):
        mail = {
            "from": "Voltgate <alerts@example.com>",
            "to": ["ops@example.com"],
            "host": "127.0.0.1",
            "port": port,
            "auth": {"user": USER, "pass": PASSWORD},
            "ca": str(root),
        }
        pushover = {"user": "u" * 30, "token": "t" * 30, "endpoint": f"http://127.0.0.1:{phone.port}/1/messages.json"}
        webhook = {"url": f"http://127.0.0.1:{hook.port}/hook", "secret": SECRET}
        channels = {
            "mail": {"mail": mail, "rate": 0},
            "phone": {"pushover": pushover, "rate": 0},
            "hook": {"webhook": webhook, "rate": 0},
        }
        yield People(inbox, phone, hook, channels)


def alerts(people: People, *events: str, channels: tuple[str, ...] = ("hook",), **more: Any) -> Json:
    """Return the section for one rule that holds nothing back."""
    rule = {"events": list(events), "channels": list(channels), "hold": 0, "group": 0, "recovery": False}
    return {"channels": {name: people.channels[name] for name in channels}, "rules": [rule | more]}
