"""How groups of alerts, digests and tests are written as messages."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voltgate.alerts.engine import title_of
from voltgate.alerts.message import Message
from voltgate.alerts.plain import one_line
from voltgate.alerts.records import Alert, Delivery, Group
from voltgate.alerts.templates import DEFAULT, Item, Template, Templates, compose

_LONGEST = 500
"""Characters of what a message says that stands in a digest."""
_SAID_BEFORE = Templates(text="{body}")
"""How a message stands in a digest: it has its time already, and whatever else was to be said."""


@dataclass(frozen=True, slots=True)
class Author:
    """Writes messages: by the templates of events ("" for all others), with times in a zone (None: the machine's)."""

    templates: Mapping[str, Templates] = field(default_factory=dict)
    zone: datetime.tzinfo | None = None

    def write(self, group: Group) -> Message:
        """Write the message about a group. Its id is that of no message yet."""
        items = [self._item(alert, recovery=group.kind == "recovery") for alert in group.alerts]
        return compose("", group.kind, items, count=group.count, zone=self.zone)

    def _item(self, alert: Alert, *, recovery: bool) -> Item:
        title, body = title_of(alert.event)
        at, fields = alert.at, alert.data["fields"]
        if recovery and alert.ended_at is not None:
            at, fields = alert.ended_at, fields | {"lasted": max(0.0, alert.ended_at - alert.at)}
        return Item(alert.event, title, alert.severity, at, fields, body, self._templates(alert.event))

    def _templates(self, event: str) -> Templates:
        return self.templates.get(event, self.templates.get("", DEFAULT))

    def digest(self, channel: str, held: Sequence[Delivery], count: int) -> Message:
        """Write the digest of messages that a channel was not given at once: `count`, of which these are listed."""
        items = [
            Item(
                each.event,
                _as_it_is(each.subject),
                each.severity,
                each.at,
                {"count": each.count},
                _as_it_is(one_line(each.text, _LONGEST)),
                _SAID_BEFORE,
            )
            for each in held
        ]
        return compose("", "digest", items, count=count, zone=self.zone)

    def test(self, channel: str, by: str, now: float) -> Message:
        """Write a message that only shows that a channel works."""
        said = "If you can read this, alerts reach you."
        item = Item("test", "This is a test of {channel}", "info", now, {"channel": channel, "by": by}, said)
        return compose("", "test", [item], zone=self.zone)


def titled(event: str, fields: Mapping[str, object]) -> str:
    """Return the title of one alert, in one line."""
    values = {name: one_line(str(value), _LONGEST) for name, value in fields.items() if value is not None}
    return Template(title_of(event)[0]).fill(values)


def _as_it_is(text: str) -> str:
    """Return a template that says what a text says."""
    return text.replace("{", "{{").replace("}", "}}")
