"""A stream of server-sent events that reconnects and resumes after the last event it received."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from voltgate.client.api import CONNECT, Api, refusal
from voltgate.client.failure import OutOfReach, Refused

SILENCE = 45.0
"""Seconds without a byte after which a connection is given up: the gateway sends a comment every 15."""
_SOON, _LATE = 0.5, 10.0
"""Seconds before the first and before each later attempt to reconnect."""
_LARGEST = 32 * 1024 * 1024
"""Bytes of one event: a message and its answer, each as large as a gateway may allow."""
_TOO_MANY, _OUR_FAULT = 429, 500


Query = Mapping[str, str | list[str] | None]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its kind, its number ("" without one), and its data."""

    kind: str
    id: str
    data: Any


class Stream:
    """The events at one path. `follow` ends only by Refused, or by OutOfReach if the first attempt fails."""

    def __init__(self, api: Api, resource: str, query: Query, *, after: str = "") -> None:
        self._api = api
        self._resource = resource
        self._query = {key: value for key, value in query.items() if value is not None}
        self._last = after
        self._wait = _SOON
        self._met = False

    def follow(self, remark: Callable[[str], None]) -> Iterator[Event]:
        """Yield every event; call `remark` for events that cannot be read and when the connection is lost."""
        while True:
            try:
                yield from self._once(remark)
                lost = "the gateway ended the stream"
            except httpx2.RequestError as error:
                failure = self._api.out_of_reach(error)
                if not self._met:
                    raise failure from None
                lost = str(failure)
            except OutOfReach as away:
                lost = str(away)
            remark(f"{lost}; trying again in {self._wait:g} s")
            time.sleep(self._wait)
            self._wait = min(self._wait * 2, _LATE)

    def _once(self, remark: Callable[[str], None]) -> Iterator[Event]:
        """Yield the events of one connection, to its end."""
        headers = {"last-event-id": self._last} if self._last else {}
        timeout = httpx2.Timeout(SILENCE, connect=CONNECT)
        with self._api.http.sse(
            self._resource, params=self._query, headers=headers, timeout=timeout, max_event_size=_LARGEST
        ) as source:
            self._admit(source.response)
            for event in source:
                self._wait = _SOON
                self._last = event.id or self._last
                try:
                    data = json.loads(event.data or "null")
                except (ValueError, RecursionError) as error:
                    remark(f"an event is no JSON: {error}")
                    continue
                if event.event == "ended" and isinstance(data, dict):
                    remark(f"the gateway ended the stream: {data.get('reason')}")
                elif data is not None:
                    yield Event(event.event, event.id, data)

    def _admit(self, answer: httpx2.Response) -> None:
        """Check that a response is a stream. Raises Refused; OutOfReach if a later attempt may succeed."""
        if not answer.is_success:
            answer.read()
            refused = refusal(answer)
            if self._met and (answer.status_code == _TOO_MANY or answer.status_code >= _OUR_FAULT):
                raise OutOfReach(str(refused))
            raise refused
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise Refused(f"{self._api.url} gives no stream of events: is it the right address?")
        self._met = True
