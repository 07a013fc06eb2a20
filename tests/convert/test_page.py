"""The text of a converted configuration: whatever stood in the old file, it is TOML that says the same."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voltgate.config import ConfigErrors
from voltgate.convert import convert
from voltgate.convert.toml import Page

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), TEXTS, TEXTS)
def test_values_come_back_as_they_were(values: dict[str, Any], remark: str, note: str) -> None:
    """Any value under any name is read back as it was, and no remark changes that."""
    page = Page()
    page.table("a table", "x.y")
    page.remark(remark)
    page.shown(remark)
    for name, value in values.items():
        page.key(name, value, note)
    page.entry("list")
    page.rows("rows", [(value, note) for value in values.values()])
    assert tomllib.loads(page.text()) == {
        "a table": {"x.y": values},
        "list": [{"rows": list(values.values())}],
    }


SECRET = "Zx9-kept-to-yourself"
KEYS = st.sampled_from("email pushover auth pass userKey token to url headers sendmail tls transporter x".split())
SECRETS = st.recursive(
    st.just(SECRET), lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2)
)
SHOWN = {("from",), ("to",), ("transporter", "auth", "user")} | {
    ("transporter", key) for key in ("service", "host", "port", "secure")
}


def _without_shown(channel: dict[str, Any], way: tuple[str, ...] = ()) -> dict[str, Any]:
    kept = {key: value for key, value in channel.items() if (*way, key) not in SHOWN}
    return {
        key: _without_shown(value, (*way, key)) if isinstance(value, dict) else value for key, value in kept.items()
    }


@given(st.dictionaries(KEYS, SECRETS, max_size=4), st.dictionaries(KEYS, SECRETS, max_size=4), SECRETS)
def test_nothing_that_may_be_secret_is_shown(email: dict[str, Any], pushover: dict[str, Any], other: Any) -> None:
    """Wherever a secret stands among the alerts or beside them, it is not printed."""
    mail = {"host": "smtp.example.com", **_without_shown({"transporter": email})["transporter"]}
    document = {
        "proxy": {"host": "0.0.0.0", "port": 9000, "secret": other},
        "primaryUrl": f"ws://user:{SECRET}@one.example/",
        "notify": {
            "cpStatusFaulted": True,
            "email": {**_without_shown(email), "from": "a@example.com", "to": "b@example.com", "transporter": mail},
            "pushover": pushover,
            "other": other,
        },
        "email": email,
        "other": other,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(document))
        text, refused = _converted(file)
    assert SECRET not in text
    if refused:
        return
    read = tomllib.loads(text)
    assert read["listen"] == {"stations": ["ws://0.0.0.0:9000"]}
    assert read["alerts"]["channels"]["email"]["mail"]["host"] == "smtp.example.com"


def _converted(file: Path) -> tuple[str, bool]:
    """Give the text of a converted file, or of what is wrong with it, and whether it is the latter."""
    try:
        return convert([file]), False
    except ConfigErrors as errors:
        return str(errors), True
