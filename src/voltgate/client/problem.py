"""A problem document (RFC 9457) as a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import responses
from typing import Any

from voltgate.client.words import clean

_MOST_ERRORS = 5
_LONGEST = 2000

_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "give a valid token in VOLTGATE_TOKEN or by --token-file",
    HTTPStatus.FORBIDDEN: "use the token of somebody who may",
    HTTPStatus.TOO_MANY_REQUESTS: "wait a little and try again",
    HTTPStatus.SERVICE_UNAVAILABLE: "try again later",
}


def sentence(status: int, body: bytes) -> str:
    """Say what was wrong, and what to do where the status tells."""
    document = _document(body)
    what = _what(status, document)
    errors = list(_errors(document.get("errors")))
    if errors:
        what = f"{what}: {'; '.join(errors)}"
    advice = _ADVICE.get(status)
    return clean(f"{what}; {advice}" if advice else what)[:_LONGEST]


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _what(status: int, document: Mapping[str, Any]) -> str:
    title, detail = (str(document.get(key) or "").rstrip(". ") for key in ("title", "detail"))
    if title and detail:
        return detail if detail.startswith(title) else f"{title}: {detail}"
    return detail or title or f"the answer was HTTP {status} {responses.get(status, '')}".rstrip()


def _errors(errors: object) -> Iterator[str]:
    if not isinstance(errors, list):
        return
    for error in errors[:_MOST_ERRORS]:
        if isinstance(error, dict):
            yield f"{error.get('where', '')} {error.get('problem', '')}".strip()
    if len(errors) > _MOST_ERRORS:
        yield f"and {len(errors) - _MOST_ERRORS} more"
