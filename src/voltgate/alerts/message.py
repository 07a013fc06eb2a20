"""What a channel sends: one message, whole, in every form that a channel may need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voltgate.relay.event_list import Severity

Kind: TypeAlias = Literal["alert", "recovery", "digest", "test"]

Value: TypeAlias = str | int | float | bool | Sequence[str] | None
Fields: TypeAlias = Mapping[str, Value]
"""What is known of one occurrence, by name: `station`, `backend`, `connector`, `error_code` …"""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to people about one occurrence or several.

    `id` is the same each time that the message is sent, and no other message has it: whoever gets it twice can tell by
    it. `subject` is one line; `text` and `html` say the same. `items` are the occurrences, for machines. `at` is when
    the first of them was (seconds since 1970).
    """

    id: str
    kind: Kind
    severity: Severity
    event: str
    subject: str
    text: str
    html: str
    items: tuple[Fields, ...]
    at: float

    @property
    def is_urgent(self) -> bool:
        """Whether it is about what endangers people, and not about its end."""
        return self.severity == "danger" and self.kind == "alert"
