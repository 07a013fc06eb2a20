"""A problem document (RFC 9457) as a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import responses
from typing import Any

from voltgate.client.terminal_text import clean

_MOST_ERRORS = 5
_LONGEST = 2000

_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "give a valid token in VOLTGATE_TOKEN or by --token-file, "
    "or this machine's configuration by -c",
    HTTPStatus.TOO_MANY_REQUESTS: "wait a little and try again",
    HTTPStatus.SERVICE_UNAVAILABLE: "try again later",
}


def members(body: bytes) -> Mapping[str, Any]:
    """Return the members of a problem document; none for any other body."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def sentence(status: int, document: Mapping[str, Any]) -> str:
    """Return what was wrong as a sentence, with what to do where the status implies it."""
    what = "; ".join([_what(status, document), *_errors(document.get("errors")), *_more(document)])
    advice = _ADVICE.get(status)
    return clean(f"{what}; {advice}" if advice else what)[:_LONGEST]


def _what(status: int, document: Mapping[str, Any]) -> str:
    title, detail = (str(document.get(key) or "").rstrip(". ") for key in ("title", "detail"))
    if detail and title and not _is_phrase(title):
        return f"{title}: {detail}"
    return detail or title or f"the answer was HTTP {status} {responses.get(status, '')}".rstrip()


def _is_phrase(title: str) -> bool:
    """Return whether a title says no more than the HTTP status does."""
    return title in responses.values() or title in {"Content Too Large", "Unprocessable Content"}


def _more(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what only problems of calls have: the OCPP error code, and whether the station got the call."""
    if "code" in document:
        yield f"{document['code']}"
    if isinstance(document.get("sent"), bool):
        yield "the call was sent" if document["sent"] else "the call was not sent"


def _errors(errors: object) -> Iterator[str]:
    if not isinstance(errors, list):
        return
    for error in errors[:_MOST_ERRORS]:
        if isinstance(error, dict):
            yield f"{error.get('where', '')} {error.get('problem', '')}".strip()
    if len(errors) > _MOST_ERRORS:
        yield f"and {len(errors) - _MOST_ERRORS} more"
