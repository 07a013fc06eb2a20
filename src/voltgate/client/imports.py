"""Lists that are imported, from a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from voltgate.client.api import Api
from voltgate.client.failure import Refused
from voltgate.client.identities import read_text
from voltgate.client.output import report
from voltgate.client.terminal_text import clean, counted

FORMS = {"csv": "text/csv", "json": "application/json", "jsonl": "application/jsonl"}
"""The media types of lists, by how the names of their files end."""


def import_list(api: Api, resource: str, noun: str, file: str, form: str | None, as_json: bool) -> None:
    """Import a file, or standard input. Raise Refused."""
    media_type = FORMS.get(form or Path(file).suffix.removeprefix(".").lower())
    if media_type is None:
        raise Refused(f"what form {clean(file)} has is not known: say so by --format, as {', '.join(FORMS)}")
    taken = api.send(resource, text_of(file).encode(), media_type)
    report(taken, f"{counted(taken.get('items') or 0, noun)} imported", as_json)


def text_of(file: str) -> str:
    """Return the text of a file, or of standard input. Raise Refused."""
    if file == "-":
        return read_text(sys.stdin.buffer, "standard input")
    try:
        with Path(file).open("rb") as data:
            return read_text(data, file)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None
