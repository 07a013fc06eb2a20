"""The list of tokens in a station: sent whole or as differences, in as many messages as the station needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec

from voltgate.csms.commands.asking import Ask, Plan, Step
from voltgate.csms.commands.configuration import read_numbers
from voltgate.csms.commands.idtokens import Kind, id_tag, id_token
from voltgate.csms.commands.outcome import Fields, Outcome, by_status, number
from voltgate.csms.commands.parameters import IdToken, Parameters, Time, given
from voltgate.csms.commands.target import Target, Unsupported, stamp

MOST = 100_000
"""Tokens of one command."""
_GREATEST = 2_147_483_647
_UNTOLD = 50
"""Tokens of one message to a station that does not tell how many it takes."""
_BYTES = 60_000
"""Bytes of the tokens of one message at most, unless the station takes fewer."""


class ListedToken(Parameters, frozen=True):
    """A token for the list. Without `status` a differential update takes it off the list."""

    token: IdToken
    kind: Kind = ""
    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"] | None = "Accepted"
    expires: Time | None = None
    group: Annotated[str, msgspec.Meta(max_length=255)] = ""


class LocalList(Parameters, frozen=True):
    """Replace the list in the station, or change it by differences.

    `version` is that of the first message; each one more has the next number. The last one is in the result.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=_GREATEST - MOST)]
    tokens: Annotated[tuple[ListedToken, ...], msgspec.Meta(max_length=MOST)] = ()
    update: Literal["full", "differential"] = "full"


def local_list(target: Target, wanted: LocalList) -> Plan:
    """Plan SendLocalList: a full list in several messages begins with Full, and the rest are differences."""
    if wanted.update == "full" and any(each.status is None for each in wanted.tokens):
        raise Unsupported("A full list holds what stays: a token without status can only be in a differential one")
    entry = _entry_2x if target.modern else _entry_1x
    return _Sending(target, wanted, tuple(entry(target, each) for each in wanted.tokens))


class LocalListVersion(Parameters, frozen=True):
    """Ask which version of the list the station has."""


def local_list_version(target: Target, wanted: LocalListVersion) -> Plan:
    """Plan a GetLocalListVersion. The result is 0 for an empty list, and -1 for a 1.x station without lists."""
    name = "versionNumber" if target.modern else "listVersion"

    def told(fields: Fields) -> Outcome:
        version = number(fields, name)
        return Outcome(None if version is None else True, result=given(version=version))

    return Step("GetLocalListVersion", {}, told)


@dataclass(frozen=True, slots=True)
class _Sending:
    target: Target
    wanted: LocalList
    entries: Sequence[Fields]

    async def __call__(self, ask: Ask) -> Outcome:
        """Send part by part, up to the first that the station does not take."""
        items, size = await self._limits(ask)
        parts = list(_parts(self.entries, items, size))
        sent = 0
        for place, part in enumerate(parts):
            outcome = await self._step(place, part)(ask)
            if not outcome.accepted:
                said = f"{outcome.info or outcome.status} (message {place + 1} of {len(parts)})"
                heard = outcome.sent or place > 0
                return replace(outcome, info=said, result=self._result(place, sent), sent=heard)
            sent += len(part)
        return replace(outcome, result=self._result(len(parts), sent))

    def _result(self, messages: int, tokens: int) -> Fields:
        """Say which version the station has now, if any message was taken."""
        return {**given(version=self.wanted.version + messages - 1 if messages else None), "tokens": tokens}

    def _step(self, place: int, part: Sequence[Fields]) -> Step:
        update = "Full" if place == 0 and self.wanted.update == "full" else "Differential"
        name = "versionNumber" if self.target.modern else "listVersion"
        listed = given(localAuthorizationList=list(part))
        return Step("SendLocalList", {name: self.wanted.version + place, "updateType": update, **listed}, by_status)

    async def _limits(self, ask: Ask) -> tuple[int, int]:
        """Return how many tokens, and how many bytes of them, one message may have."""
        known = self.target.facts.list_items
        if known is not None or len(self.entries) <= 1:
            return known or _UNTOLD, _BYTES
        if not self.target.modern:
            (items,) = await read_numbers(ask, self.target, "SendLocalListMaxLength")
            return items or _UNTOLD, _BYTES
        items, size = await read_numbers(
            ask, self.target, "SendLocalListMaxLength", "LocalAuthListCtrlr.BytesPerMessage"
        )
        return items or _UNTOLD, min(size or _BYTES, _BYTES)


def _parts(entries: Sequence[Fields], items: int, size: int) -> Iterator[Sequence[Fields]]:
    """Split a list by both bounds. An empty one is one part: it empties the list in the station."""
    start, held = 0, 0
    for place, entry in enumerate(entries):
        length = len(msgspec.json.encode(entry)) + 1
        if place > start and (place - start >= items or held + length > size):
            yield entries[start:place]
            start, held = place, 0
        held += length
    yield entries[start:]


def _entry_1x(target: Target, token: ListedToken) -> Fields:
    info: dict[str, Any] = {}
    if token.status is not None:
        info = given(status=token.status, expiryDate=_stamp(token), parentIdTag=id_tag(target, token.group))
    return given(idTag=id_tag(target, token.token), idTagInfo=info)


def _entry_2x(target: Target, token: ListedToken) -> Fields:
    info: dict[str, Any] = {}
    if token.status is not None:
        group = id_token(target, token.group) if token.group else None
        info = given(status=token.status, cacheExpiryDateTime=_stamp(token), groupIdToken=group)
    return given(idToken=id_token(target, token.token, token.kind), idTokenInfo=info)


def _stamp(token: ListedToken) -> str | None:
    return None if token.expires is None else stamp(token.expires)
