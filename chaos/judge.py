"""The judge: what chargers said against everything that every backend got, delivery by delivery."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaos.leaks import grown, left_open
from chaos.marks import plain_number
from chaos.matching import Matches, on_disk, sent_after, why_again
from chaos.records import PAID, Books, Charge, Command, Delivery, Entry, Heard, Owners
from chaos.shape import PATIENCE

_EARLIER = 0.5
"""Seconds by which a gateway, which counts from when it sent, may be out of patience before its backend sees that."""
_LATE = 1.5
"""Seconds after which an answer is on disk unless something is the matter with the database."""
_STAYS = 5.0
"""Seconds for which a charger may have been at a gateway that has read its book before it begins to charge."""
_SOON = 0.1
"""Seconds in which an answer gets to the gateway."""
NO_NUMBER = -1
"""What a stop says whose start the backend has refused (errata v4.0 of OCPP 1.6, section 3.18)."""


class Ownership(Protocol):
    """What the configurations of a run say."""

    def owners(self, station: str, tag: str, begun: float, over: float) -> Owners:
        """Return whose a transaction is that began in that time."""

    @property
    def waits_for_disk(self) -> bool:
        """Tell whether no transaction begins before it is on disk: with one backend nobody waits."""

    def anybody_may_stop(self, begun: float, over: float) -> bool:
        """Tell whether a backend may have been allowed to stop what is another's."""


@dataclass(slots=True)
class Verdict:
    """What is wrong, by its kind, and how often things merely came again, by what excuses it."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    owner: list[str] = field(default_factory=list)
    number: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)
    error: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)
    judged: int = 0

    @property
    def found(self) -> dict[str, list[str]]:
        """What is wrong, by its kind."""
        names = ("lost", "doubled", "owner", "number", "order", "command", "mute", "error", "unfinished")
        every = (*names, "left_open", "grown")
        return {name.replace("_", " "): getattr(self, name) for name in every if getattr(self, name)}

    @property
    def good(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.found


def judge(books: Books, ownership: Ownership, attempts: int = 10) -> Verdict:
    """Judge a run."""
    return _Judge(books, ownership, attempts).judge()


@dataclass(frozen=True, slots=True)
class _Claim:
    """Whose a transaction is: its owner ("" when it cannot be told), whoever may hear of it, and who must."""

    owner: str
    may: frozenset[str]
    owed: frozenset[str]


class _Judge:
    def __init__(self, books: Books, ownership: Ownership, attempts: int) -> None:
        self._books = books
        self._ownership = ownership
        self._attempts = attempts
        self._matches = Matches(books)
        self._came_to: dict[tuple[str, str], list[tuple[Entry, Delivery]]] = defaultdict(list)
        for delivery in books.deliveries:
            if id(delivery) in self._matches.entry_of:
                entry = self._matches.entry_of[id(delivery)]
                self._came_to[delivery.backend, delivery.station].append((entry, delivery))
        self._commands = {command.message_id: command for command in books.commands}
        self._backends = frozenset(delivery.backend for delivery in books.deliveries)
        self._verdict = Verdict(mute=list(books.mute), error=list(books.errors), judged=len(books.deliveries))

    def judge(self) -> Verdict:
        verdict = self._verdict
        for delivery in self._matches.strange:
            if delivery.kind in PAID:
                verdict.owner.append(f"nobody said this: {delivery} {delivery.fields}")
        for charge in self._books.charges:
            if charge.entries and charge.entries[0].sayings:
                self._judge_charge(charge)
        for entry in self._books.entries:
            for backend in self._backends:
                self._judge_repeats(entry, self._matches.of(backend, entry))
        self._judge_numbers_of_stations()
        self._judge_order()
        for heard in self._books.heard:
            self._judge_command(heard)
        verdict.left_open += left_open(self._books.looks)
        verdict.grown += grown(self._books.looks)
        return verdict

    # One transaction: owner, losses, numbers.

    def _judge_charge(self, charge: Charge) -> None:
        if not charge.ended:
            self._verdict.unfinished.append(f"{charge}: {charge.entries[-1]} was never answered")
        claim = self._claim(charge)
        for entry in charge.entries:
            for backend in self._backends:
                tries = self._matches.of(backend, entry)
                if tries and backend not in claim.may:
                    self._verdict.owner.append(f"{charge} is not for {backend}: {tries[0]}")
                for delivery in tries:
                    self._judge_content(charge, entry, delivery)
        if charge.bound is not None and not charge.refused:
            for backend in claim.owed:
                self._judge_losses(charge, backend)

    def _claim(self, charge: Charge) -> _Claim:
        if self._may_be_forgotten(charge):
            self._verdict.again["its transaction may not have been on disk when the gateway was killed"] += 1
            return _Claim("", self._backends, frozenset())
        over = charge.bound if charge.bound is not None else float("inf")
        who = self._ownership.owners(charge.station, charge.tag, charge.begun, over)
        may, allowed, owed = who.owners | who.told, who.owners, who.owed
        if charge.version == "ocpp2.0.1" and "idToken" not in charge.entries[0].fields:
            may |= who.before
        invitation = self._commands.get(charge.invitation)
        if invitation is not None:
            allowed, may, owed = frozenset({invitation.backend}), self._backends | {invitation.backend}, frozenset()
        owner = self._owner(charge, allowed)
        return _Claim(owner, may, (owed | {owner}) - {""})

    def _may_be_forgotten(self, charge: Charge) -> bool:
        """Tell whether what it began with, or was bound by, or the end of one with the same words, was not on disk."""
        if charge.bound is None:
            return False
        before = self._books.charges[: self._books.charges.index(charge)]
        same = (each for each in before if each.station == charge.station and each.entries)
        ends = [each for each in same if each.entries[0].fields == charge.entries[0].fields]
        told = [
            at for at in (charge.entries[0].answered, charge.bound) if at is not None
        ]  # without a card it has begun
        begun = not self._ownership.waits_for_disk and any(self._written(charge, at)[1] is None for at in told)
        return begun or any(self._is_unknown_to(each, charge) for each in ends)

    def _is_unknown_to(self, ended: Charge, charge: Charge) -> bool:
        """Tell whether the end of a transaction may not have been on disk, or too late for another gateway."""
        at = ended.entries[-1].answered
        if at is None:
            return False
        gateway, written = self._written(ended, at)
        if written is None:
            return True
        is_elsewhere = any(saying.gateway != gateway for saying in charge.entries[0].sayings)
        return is_elsewhere and written > at + _LATE and written > charge.begun - _STAYS

    def _written(self, charge: Charge, at: float) -> tuple[int, float | None]:
        """Return which gateway knew then what was answered, and when that was surely on disk; None for never."""
        said = [saying for entry in charge.entries for saying in entry.sayings if saying.at <= at]
        gateway = max(said, key=lambda each: each.at).gateway
        return gateway, on_disk(gateway, at, self._books)

    def _owner(self, charge: Charge, allowed: frozenset[str]) -> str:
        by = charge.answered_by
        if by in allowed:
            return by
        if by not in ("", "stand-in"):
            self._verdict.owner.append(f"{charge} was answered by {by} and not by {'/'.join(sorted(allowed))}")
            return by
        if len(allowed) == 1:
            return next(iter(allowed))
        took = [b for b in allowed if any(d.taken for d in self._matches.of(b, charge.entries[0]))]
        return took[0] if took else ""

    def _judge_losses(self, charge: Charge, backend: str) -> None:
        for entry in charge.entries:
            tries = self._matches.of(backend, entry)
            if entry.kind == "start" and any(each.answer == "content" for each in tries):
                return  # it knows nothing of this transaction
            if entry.answered is None or any(each.taken for each in tries) or self._was_given_up(entry, tries):
                continue
            how = [each.answer or "not answered" for each in tries] or "never came"
            self._verdict.lost.append(f"{backend}: {entry} ({charge.tag}, answered by {charge.answered_by}): {how}")

    def _was_given_up(self, entry: Entry, tries: list[Delivery]) -> bool:
        """Tell whether it is one of those that may be given up after enough errors."""
        first = entry.kind == "meter" or entry.fields.get("eventType") == "Updated"
        return first and sum(each.answer == "internal" for each in tries) >= self._attempts

    def _judge_content(self, charge: Charge, entry: Entry, delivery: Delivery) -> None:
        if entry.kind in ("meter", "stop") and not self._may_be_forgotten(charge):
            starts = self._matches.of(delivery.backend, charge.entries[0])
            given = {start.number for start in starts if start.number is not None}
            number = plain_number(delivery.fields.get("transactionId"))
            known = {start.number for start in starts if start.known is not None and not _was_late(start)}
            if number not in given and (known - {None} or number not in (None, NO_NUMBER)):
                self._verdict.number.append(f"{delivery} has the number {number}; it gave {sorted(given) or 'none'}")
        if charge.version != "soap" and _plain(delivery.fields) != _plain(entry.fields):
            self._verdict.number.append(f"{delivery} says {delivery.fields}; its charger said {entry.fields}")

    def _judge_numbers_of_stations(self) -> None:
        """See that no number was given twice; backends that a station moves between each count from one."""
        charges = self._books.charges
        given = [c for c in charges if c.number != "" and not c.refused and not self._may_be_forgotten(c)]
        for (station, number, _), times in Counter((c.station, c.number, c.answered_by) for c in given).items():
            if times > 1:
                self._verdict.number.append(f"{station} was given the number {number} {times} times")

    # Repeats.

    def _judge_repeats(self, entry: Entry, tries: list[Delivery]) -> None:
        for index, again in enumerate(tries[1:], 1):
            if entry.kind not in PAID:
                self._verdict.again["status"] += 1
                continue
            if entry.charge is not None and self._may_be_forgotten(entry.charge):
                self._verdict.again["its transaction was forgotten"] += 1
                continue
            reasons = [why_again(first, again, entry, self._books, PATIENCE) for first in tries[:index]]
            if "" in reasons:
                first = tries[reasons.index("")]
                self._verdict.doubled.append(f"{again}, after {first} was answered {first.answer or 'nothing yet'}")
            else:
                self._verdict.again[reasons[-1]] += 1

    # Order.

    def _judge_order(self) -> None:
        came: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
        for delivery in sorted(self._books.deliveries, key=lambda each: each.at):
            if id(delivery) in self._matches.entry_of:
                came[delivery.backend, delivery.station].append(delivery)
        for deliveries in came.values():
            self._judge_sequence(deliveries)

    def _judge_sequence(self, deliveries: list[Delivery]) -> None:
        """Judge what one backend got of one station by the first delivery of each message."""
        newest: Entry | None = None
        came = 0.0
        seen: set[int] = set()
        for delivery in deliveries:
            entry = self._matches.entry_of[id(delivery)]
            if id(entry) in seen:
                continue
            seen.add(id(entry))
            late = newest is not None and entry.place < newest.place and not self._had_no_number(entry, delivery, came)
            if late and newest is not None and not self._was_stuck(entry, newest, delivery):
                self._verdict.order.append(f"{delivery} came after {newest}")
            if newest is None or entry.place > newest.place:
                newest, came = entry, delivery.at
            self._judge_overtaking(entry, delivery)

    def _was_stuck(self, entry: Entry, newest: Entry, delivery: Delivery) -> bool:
        """Tell whether another transaction may have gone before: this backend had no use for something for a while.

        What is refused with an error, or never answered, must not hold up other transactions for ever.
        """
        if entry.charge is not None and entry.charge is newest.charge:
            return False
        return any(
            before.place <= entry.place and _was_no_use(each)
            for before, each in self._came_to[delivery.backend, delivery.station]
            if each.at < delivery.at
        )

    def _had_no_number(self, entry: Entry, delivery: Delivery, overtaken: float) -> bool:
        """Tell whether a copy waited then for the answer to its start: what is the backend's own does not wait."""
        return any(
            each.kind == "start"
            and before.place <= entry.place
            and each.at < overtaken
            and (each.answered is None or each.answered > overtaken - _SOON)
            and (before.charge is None or before.charge.answered_by != delivery.backend)
            for before, each in self._came_to[delivery.backend, delivery.station]
        )

    def _judge_overtaking(self, entry: Entry, delivery: Delivery) -> None:
        """See that nothing of the same transaction that came before and was not taken is still to come again."""
        for before in entry.charge.entries if entry.charge is not None else ():
            if before.place >= entry.place or before.given_up:
                continue
            tries = self._matches.of(delivery.backend, before)
            earlier = [each for each in tries if each.at < delivery.at]
            later = any(each.at > delivery.at for each in tries)
            sent = sent_after(delivery, entry)
            if earlier and later and all(_failed(each, sent) for each in earlier):
                self._verdict.order.append(f"{delivery} came while {before} was still owed")

    # Commands.

    def _judge_command(self, heard: Heard) -> None:
        command = self._commands.get(heard.message_id)
        if command is None:
            self._verdict.command.append(f"{heard.station} got {heard.action} {heard.fields}, which nobody asked")
        elif command.station != heard.station:
            self._verdict.command.append(f"{heard.station} got {heard.action} that was for {command.station}")
        elif command.about is not None:
            self._judge_stop(heard, command, command.about)

    def _judge_stop(self, heard: Heard, command: Command, about: Delivery) -> None:
        meant = self._matches.entry_of.get(id(about))
        charges = [c for c in self._books.charges if c.station == heard.station]
        named = next((c for c in charges if c.number == heard.fields["transactionId"]), None)
        if meant is not None and meant.charge is not None and meant.charge.number == "":
            return  # its charger never learned its number
        if named is None or meant is None or named is not meant.charge:
            self._verdict.command.append(
                f"{heard.station} is to stop {heard.fields}, which is {named}; {command.backend} meant {meant}"
            )
            return
        free = self._ownership.anybody_may_stop(command.at, heard.at)
        if not free and named.answered_by not in (command.backend, "stand-in", ""):
            self._verdict.command.append(f"{command.backend} has stopped {named}, which is {named.answered_by}'s")


def _was_no_use(delivery: Delivery) -> bool:
    """Tell whether a delivery was answered InternalError, or not within the patience although its link lived on."""
    lived = delivery.lost is None or delivery.lost - delivery.at > PATIENCE - _EARLIER
    return delivery.answer == "internal" or (_was_late(delivery) and lived)


def _was_late(delivery: Delivery) -> bool:
    """Tell whether a delivery was not answered within the patience."""
    return delivery.answered is None or delivery.answered - delivery.at > PATIENCE


def _failed(delivery: Delivery, at: float) -> bool:
    """Tell whether a delivery had failed by then in a way that its gateway had noticed."""
    if delivery.answer == "internal":
        return delivery.known is not None and delivery.known < at
    return not delivery.taken and delivery.lost is not None and delivery.lost < at


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a payload without the numbers that are each backend's own."""
    plain = {name: value for name, value in fields.items() if name != "transactionId"}
    info = plain.get("transactionInfo")
    return plain | ({"transactionInfo": {**info, "remoteStartId": 0}} if isinstance(info, dict) else {})
