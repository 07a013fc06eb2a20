"""The command `send`: makes a call to a station and prints its answer."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import typer

from voltgate.client.api import Api, path
from voltgate.client.failure import Refused
from voltgate.client.output import print_json, remark
from voltgate.client.terminal_text import clean, compact

LARGEST = 1024 * 1024
"""Bytes of a payload that the API accepts."""
_MARGIN = 15.0
"""Seconds that the gateway may take in addition to the station."""


def payload_of(text: str) -> dict[str, Any]:
    """Return the payload of a call. Raises Refused."""
    try:
        payload = json.loads(text or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the payload is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise Refused('the payload is not a JSON object: write one like {"type": "Soft"}')
    return payload


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def read_payload(file: BinaryIO) -> str:
    """Return the text of a payload. Raises Refused."""
    data = file.read(LARGEST + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused("the payload is not UTF-8 text") from None
    if len(data) > LARGEST:
        raise Refused(f"the payload is larger than {LARGEST // 1024} kB: no charger takes that")
    return text


def send(api: Api, station: str, action: str, payload: dict[str, Any], timeout: float, check: bool) -> dict[str, Any]:
    """Make a call and return the API's answer; `timeout` is what the station may take, in seconds."""
    body = {"action": action, "payload": payload, "timeout": timeout, "check": check}
    answer: dict[str, Any] = api.ask("POST", path("stations", station, "calls"), body, wait=timeout + _MARGIN)
    return answer


def report(answer: dict[str, Any], as_json: bool) -> None:
    """Print what the station answered. Raises Refused if that was an error."""
    if as_json:
        print_json(answer)
    error = answer.get("error")
    if error is not None:
        raise Refused(_error(answer, error))
    if not as_json:
        remark(clean(f"{answer.get('station')} answered {answer.get('action')} in {answer.get('latency_ms')} ms"))
        typer.echo(json.dumps(answer.get("result"), indent=2))


def _error(answer: dict[str, Any], error: dict[str, Any]) -> str:
    parts = [str(error.get("code")), str(error.get("description") or ""), compact(error.get("details") or "")]
    text = " ".join(part for part in parts if part not in {"", '""'})
    return clean(f"{answer.get('station')} answered {answer.get('action')} with the error {text}")
