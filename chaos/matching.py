"""Which message of a charger a delivery is, and what a gateway could know when it sent it."""

from __future__ import annotations

from collections import defaultdict

from chaos.records import Books, Delivery, Entry

_ON_THE_WAY = 1.0
"""Seconds that a message may be on its way from a gateway to a backend on a busy machine."""
_WRITTEN = 1.0
"""Seconds after which an answer that was read is on disk, when the database is well."""


class Matches:
    """Every delivery with the message that it is: by its message id, else by its kind and mark."""

    def __init__(self, books: Books) -> None:
        self._by_id = {(e.station, said.message_id): e for e in books.entries for said in e.sayings}
        self._by_mark: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
        for each in books.entries:
            self._by_mark[each.station, each.kind, each.mark].append(each)
        self.entry_of: dict[int, Entry] = {}
        self.tries: dict[tuple[str, int], list[Delivery]] = defaultdict(list)
        self.strange: list[Delivery] = []
        for delivery in sorted(books.deliveries, key=lambda each: each.at):
            entry = self._find(delivery)
            if entry is None:
                self.strange.append(delivery)
                continue
            self.entry_of[id(delivery)] = entry
            self.tries[delivery.backend, id(entry)].append(delivery)

    def _find(self, delivery: Delivery) -> Entry | None:
        entry = self._by_id.get((delivery.station, delivery.message_id))
        if entry is not None and entry.kind == delivery.kind:
            return entry
        same = self._by_mark.get((delivery.station, delivery.kind, delivery.mark), [])
        said = [each for each in same if each.sayings and each.sayings[0].at <= delivery.at]
        fresh = [each for each in said if not self.tries[delivery.backend, id(each)]]
        found = fresh or said
        return found[-1] if found else None

    def of(self, backend: str, entry: Entry) -> list[Delivery]:
        """Return how often a message came to a backend, in order."""
        return self.tries.get((backend, id(entry)), [])


def sent_after(delivery: Delivery, entry: Entry) -> float:
    """Return a time before which a delivery was surely not sent."""
    said = [saying.at for saying in entry.sayings if saying.message_id == delivery.message_id]
    return max(delivery.at - _ON_THE_WAY, delivery.opened, *said[:1])


def why_again(first: Delivery, again: Delivery, entry: Entry, books: Books, patience: float) -> str:
    """Return what excuses that a message came again after one delivery; "" when nothing does."""
    if _was_open(first, again, books, patience):
        return ""
    if not first.answer:
        return "it was not answered"
    if not first.taken:
        return "it was answered InternalError"
    if first.known is None or first.answered is None:
        return "the answer may not have been read"
    if first.answered - first.at > patience:
        return "it was answered too late"
    if entry.kind == "meter" and _said_again(first, again, entry):
        return "the charger said its meter values again"
    if first.answer == "content" and _said_again(first, again, entry):
        return "it was refused, and the charger said it again"
    sent = sent_after(again, entry)
    if first.gateway != again.gateway:  # what is owed was decided on when it was said
        said = (
            each.at for each in entry.sayings if (each.message_id, each.gateway) == (again.message_id, again.gateway)
        )
        sent = next(said, sent)
    known = _known_there(first, again, sent, books)
    return "" if known is not None and known < sent else "the answer may not have been known there"


def _was_open(first: Delivery, again: Delivery, books: Books, patience: float) -> bool:
    """Tell whether a message was sent again although it was open on another link, which lived on."""
    soon = again.at + _ON_THE_WAY
    return (
        first.link != again.link
        and first.gateway == again.gateway
        and again.at - first.at < patience - _ON_THE_WAY
        and (first.answered is None or first.answered > again.at)
        and (first.lost is None or first.lost > soon)
        and not any(number == first.gateway and first.at <= at <= soon for number, at in books.deaths)
    )


def _said_again(first: Delivery, again: Delivery, entry: Entry) -> bool:
    return first.message_id != again.message_id or (
        sum(saying.message_id == again.message_id for saying in entry.sayings) > 1
    )


def _known_there(first: Delivery, again: Delivery, sent: float, books: Books) -> float | None:
    """Return when the gateway that sent it again knew the answer: at once, or from the disk; None for never."""
    assert first.known is not None
    dead = _deaths(first.gateway, first.known, books)
    if first.gateway == again.gateway and not any(at <= again.at for at in dead):
        return first.known
    return on_disk(first.gateway, first.known, books)


def on_disk(gateway: int, known: float, books: Books) -> float | None:
    """Return when what a gateway knew at a time is surely on disk; None if it may have died before."""
    written = known + _WRITTEN
    for spell in sorted(books.database, key=lambda each: each.begun):
        if spell.overlaps(known - _ON_THE_WAY, written):
            written = max(written, spell.over)
    return None if any(at < written for at in _deaths(gateway, known, books)) else written


def _deaths(gateway: int, known: float, books: Books) -> list[float]:
    return [at for number, at in books.deaths if number == gateway and at >= known - _ON_THE_WAY]
