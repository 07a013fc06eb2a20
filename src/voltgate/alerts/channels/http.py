"""One POST to somebody else's server: with a deadline, no redirects, and an answer of bounded length."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx2

from voltgate.alerts.channels.channel import ChannelFault, parts_of, quoted

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read."""
_AGAIN = frozenset({408, 425, 429})
"""Statuses of RFC 9110, RFC 8470 and RFC 6585 that are not the last word, though they begin with a 4."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `after`: the seconds that it asks to wait, None without."""

    status: int
    text: str
    after: float | None

    @property
    def is_good(self) -> bool:
        """Whether the server has taken what it was sent."""
        return 200 <= self.status < 300

    @property
    def is_lasting(self) -> bool:
        """Whether the server would refuse the same again: a redirect counts as well, as it is not followed."""
        return 300 <= self.status < 500 and self.status not in _AGAIN


class Poster:
    """Sends bodies to one server. `url`, `headers` and `secrets` are never repeated in a reason; the host is."""

    def __init__(self, url: str, *, timeout: float, ca: str | None = None, secrets: Iterable[str] = ()) -> None:
        self._url = url
        self._timeout = timeout
        self._ca = ca
        self._trust: ssl.SSLContext | None = None
        self.host = httpx2.URL(url).host
        self._secrets = (*secrets, *parts_of(httpx2.URL(url).raw_path.decode("ascii")))

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body, and return the answer, whatever it is. Raise ChannelFault if there is none."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(body, headers)
        except TimeoutError:
            raise ChannelFault(f"{self.host} did not answer within {self._timeout:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:  # the last: proxies of the machine
            said = str(error) or type(error).__name__
            raise ChannelFault(quoted(f"{self.host} cannot be reached: {said}", self._secrets)) from None

    def fault(self, answer: Answer, words: str) -> ChannelFault:
        """Return the fault that an answer means; `words` are those of the server."""
        reason = quoted(f"{self.host} answered {answer.status} {words}", self._secrets)
        return ChannelFault(reason, lasting=answer.is_lasting, after=answer.after)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        trust = await self._context()
        async with (
            httpx2.AsyncClient(verify=trust, timeout=None, follow_redirects=False) as client,
            client.stream("POST", self._url, content=body, headers=dict(headers)) as response,
        ):
            read = b""
            async for part in response.aiter_bytes():
                read += part
                if len(read) > LARGEST_ANSWER:
                    break
            text = read[:LARGEST_ANSWER].decode(errors="replace")
            return Answer(response.status_code, text, _after(response.headers.get("retry-after", "")))

    async def _context(self) -> ssl.SSLContext:
        """Return what is trusted. Reading the system's authorities takes long enough to be done in a thread."""
        if self._trust is None:
            try:
                self._trust = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca)
            except OSError as error:
                raise ChannelFault(f"the authorities in {self._ca} cannot be read: {error.strerror}") from None
        return self._trust


def _after(text: str) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 section 10.2.3), a day at most; dates are left to us."""
    return float(min(int(text), 86_400)) if text.isdecimal() and len(text) < 10 else None
