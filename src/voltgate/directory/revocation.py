"""Asking the authorities of stations' certificates whether they were revoked (OCSP), and what is remembered of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlsplit

from voltgate.directory import ocsp
from voltgate.directory.asking import PATIENCE, Asking, Reach, Undecided, head, status_and_body
from voltgate.directory.ocsp import Status

_LONGEST = 3600.0
"""Seconds that a good answer is remembered at most."""
_MOST = 65_536
"""Good answers that are remembered."""
_MOST_SIGNERS = 64
"""Authorities between those of the configuration and stations that are remembered."""

_Key: TypeAlias = tuple[str, bytes]
"""Who is asked ("": whom the certificate names), and the SHA-256 of the certificate."""


class Revocation(Asking):
    """A client of OCSP responders. Those who ask about the same certificate at once share the answer."""

    __slots__ = ("_calendar", "_clock", "_good", "_most", "_signers", "_under_way")

    def __init__(
        self,
        reach: Reach,
        clock: Callable[[], float],
        calendar: Callable[[], float],
        patience: float = PATIENCE,
        most: int = _MOST,
    ) -> None:
        """`clock` only counts; `calendar` gives seconds since 1970. `most` good answers are remembered."""
        super().__init__(reach, patience)
        self._clock = clock
        self._calendar = calendar
        self._most = most
        self._good: OrderedDict[_Key, float] = OrderedDict()
        """Until when, by the clock, certificates are known to be good; the oldest answer first."""
        self._signers: OrderedDict[bytes, None] = OrderedDict()
        """Authorities that verified chains had: a resumed TLS session has none."""
        self._under_way: dict[_Key, asyncio.Task[Status | Undecided]] = {}

    async def status(self, chain: Sequence[bytes], authorities: Sequence[bytes], responder: str = "") -> Status:
        """Return what its authority says of the first certificate of a verified chain. Raise Undecided. All is DER.

        `responder` is the URL to ask in place of that which the certificate names.
        """
        key = responder, hashlib.sha256(chain[0]).digest()
        self._remember_signer(chain[1:2])
        if self._good.get(key, 0.0) > self._clock():
            return "good"
        asking = self._under_way.get(key)
        if asking is None:
            signers = (*chain[1:2], *authorities, *self._signers)
            asking = asyncio.get_running_loop().create_task(self._asked(key, chain[0], signers))
            self._under_way[key] = asking
            asking.add_done_callback(lambda _: self._under_way.pop(key, None))
        answer = await asyncio.shield(asking)  # who waits may leave, and others wait for it too
        if isinstance(answer, Undecided):
            raise Undecided(str(answer))
        return answer

    async def _asked(self, key: _Key, leaf: bytes, signers: Sequence[bytes]) -> Status | Undecided:
        try:
            question = ocsp.question(leaf, signers)
            url = key[0] or question.responder
            if not url:
                return Undecided("the certificate names no responder, and the listener has no ocsp_url")
            said = await self._said(url, question)
        except Undecided as why:
            return why
        if said.status == "good":
            self._remember(key, min(said.seconds, _LONGEST))
        return said.status

    async def _said(self, url: str, question: ocsp.Question) -> ocsp.Said:
        to, body = urlsplit(url), question.body
        lines = "Content-Type: application/ocsp-request", f"Content-Length: {len(body)}"
        request = head("POST", to, *lines, version="HTTP/1.0") + body  # to 1.0 nobody answers in chunks
        try:
            status, answer = await self._ask(to.netloc, to, request, status_and_body)
            return ocsp.said(question, status, answer, datetime.fromtimestamp(self._calendar(), UTC))
        except Undecided as why:
            raise Undecided(f"{to.netloc} {why}") from None

    def _remember(self, key: _Key, seconds: float) -> None:
        self._good.pop(key, None)
        if seconds > 0:
            self._good[key] = self._clock() + seconds
        if len(self._good) > self._most:
            self._good.popitem(last=False)

    def _remember_signer(self, signer: Sequence[bytes]) -> None:
        for each in signer:
            self._signers[each] = None
            self._signers.move_to_end(each)
        if len(self._signers) > _MOST_SIGNERS:
            self._signers.popitem(last=False)

    def close(self) -> None:
        """Ask no more."""
        for asking in self._under_way.values():
            asking.cancel()
