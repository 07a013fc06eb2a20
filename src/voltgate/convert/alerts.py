"""The alerts of OCPP-Proxy-Alert, kept as remarks until Voltgate has its own; secrets are not repeated."""

from __future__ import annotations

import json
from typing import Any

from voltgate.config.lines import Path
from voltgate.config.sentences import dotted
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page

NOTIFY = "notify"

_TRANSPORT = ("notify", "email", "transporter")
_HARMLESS = {
    ("notify", "email", "from"),
    ("notify", "email", "to"),
    (*_TRANSPORT, "service"),
    (*_TRANSPORT, "host"),
    (*_TRANSPORT, "port"),
    (*_TRANSPORT, "secure"),
    (*_TRANSPORT, "auth", "user"),
}
"""The settings of the channels that are shown. All others may be secret."""

_VARIABLES: dict[Path, str] = {
    (*_TRANSPORT, "auth", "pass"): "SMTP_PASSWORD",
    ("notify", "pushover", "userKey"): "PUSHOVER_USER",
    ("notify", "pushover", "appToken"): "PUSHOVER_TOKEN",
}


def alerts(page: Page, keys: Keys) -> None:
    """Write the alerts that the file configures, as remarks."""
    lines = [_line(path, keys.take(*map(str, path))) for path in keys.within(NOTIFY)]
    misplaced = [path for name in ("email", "pushover") for path in keys.within(name)]
    for path in misplaced:
        keys.take(*map(str, path))
    if lines:
        page.remark(
            f"Alerts come in a later version of Voltgate; this is what {keys.name} asked for, to be kept until then. "
            'Secrets are not repeated here: give them to Voltgate by the environment then, `{ env = "…" }`. ' + _FAULTS
        )
        page.shown(*lines)
    if misplaced:
        page.remark("email and pushover outside of notify were never read, and are left out.")


_FAULTS = "Different then: conStopTransaction fires (it never did), and what is repeated or buffered is told once."


def _line(path: Path, value: Any) -> str:
    name = dotted(path)
    if path in _VARIABLES:
        return f'{name} = {{ env = "{_VARIABLES[path]}" }}   # a secret, not repeated'
    if isinstance(value, bool) or path in _HARMLESS:
        return f"{name} = {json.dumps(value, ensure_ascii=False)}"
    return f"{name}   # not repeated, as it may hold a secret"
