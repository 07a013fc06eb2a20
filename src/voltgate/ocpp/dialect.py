"""How one connection speaks: its version of OCPP, and what to do where the texts contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voltgate.ocpp.errors import spell

SUBPROTOCOLS = ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1")
"""The names registered for OCPP-J, oldest first."""


def is_modern(version: str) -> bool:
    """Return whether a version, by its registered name, is OCPP 2.x."""
    return version.startswith("ocpp2")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The version of a connection and its settings.

    `bad_frame`: answer a frame that cannot be read with a CALLERROR under the id "-1" ("answer"), leave it unanswered
    ("ignore"), or do as the version says: 2.x answers, 1.x does not (2.1 Part 4 section 4.2.3; 1.6 has no such
    convention). `unknown_message_type`: 2.0.1 section 4.4 answers, section 4.1.3 and later editions ignore.
    `error_codes`: "translate" respells an error code that belongs to another version.
    """

    version: str
    bad_frame: Literal["version", "answer", "ignore"] = "version"
    unknown_message_type: Literal["ignore", "answer"] = "ignore"
    error_codes: Literal["untouched", "translate"] = "untouched"

    @property
    def modern(self) -> bool:
        """Tell whether this is OCPP 2.x."""
        return is_modern(self.version)

    @property
    def has_send(self) -> bool:
        """Tell whether SEND and CALLRESULTERROR exist (2.1)."""
        return self.version == "ocpp2.1"

    @property
    def answers_bad_frames(self) -> bool:
        """Tell whether an unreadable frame is answered."""
        return self.bad_frame == "answer" or (self.bad_frame == "version" and self.modern)

    def spell(self, code: str) -> str:
        """Spell an error code as this version does."""
        return spell(code, modern=self.modern)
