"""Which transaction an event of 2.x is of: some stations use a transactionId again.

One that was reset to what it left the factory with, or that counts its transactions, gives an id to another transaction
when the first one is over. They are told apart by what their events say: when, and by which numbers. What tells nothing
is of the newest one. Source: 2.0.1 Part 2, E01: an id is never used again, and the numbers of its events begin at 0.
"""

from __future__ import annotations

import re

from voltgate.csms.ends import crowded, is_over
from voltgate.csms.handlers.authorize import token_of_2x
from voltgate.csms.handlers.metering import first_register, last_register, readings
from voltgate.csms.handling import Handling
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, name_of
from voltgate.csms.sequences import Heard
from voltgate.csms.times import read_time

_NUMBERED = re.compile(r".*~\d+", re.DOTALL)


def transaction_id(said: Said) -> str:
    """Return the transactionId of an event; "" if it names none."""
    return name_of(said.part("transactionInfo").get("transactionId"))


def ref_of(name: str, nth: int) -> str:
    """Return what the nth transaction of an id is known by here: the id, with its number behind it from the second on.

    It has its number, too, where the id alone would read as that of another one.
    """
    return f"{name}~{nth}" if nth > 1 or _NUMBERED.fullmatch(name) else name


def needs_named(said: Said, needs: Needs) -> None:
    """Read the transactions that have the id of an event."""
    name = transaction_id(said)
    needs.transactions.add((said.station, name))
    needs.called.add((said.station, name))


def named(handling: Handling, name: str) -> Transaction:
    """Return the transaction of an event that names it. When it began is not known before its station says so."""
    known = sorted((tx for tx in handling.of_station() if tx.transaction_id == name), key=_at)
    is_start = handling.said.text("eventType") == "Started"
    found = _begun(handling, known) if is_start else _told_of(handling, known)
    return found or _another(handling, name, known)


def _another(handling: Handling, name: str, known: list[Transaction]) -> Transaction:
    said, nth = handling.said, 1 + max((tx.nth for tx in known), default=0)
    ref = ref_of(name, nth)
    tx = Transaction(said.station, ref, network=handling.station.network, version=said.version, nth=nth)
    tx.called = "" if ref == name else name
    tx.began_received = said.now
    handling.begin(tx)
    crowded(handling, tx)
    return tx


def _at(tx: Transaction) -> tuple[float, int]:
    """Return when a transaction was, to sort by."""
    known = tx.began if tx.began is not None else tx.heard
    return known or 0.0, tx.nth


# Beginnings.


def _begun(handling: Handling, known: list[Transaction]) -> Transaction | None:
    """Return the transaction of which this is the beginning, said again or at last; None if it is a new one."""
    at = read_time(handling.said.fields.get("timestamp"))
    if at is None:
        return known[-1] if known and _is_begun_without_a_clock(handling, known[-1]) else None
    found = next((tx for tx in known if tx.began == at or (tx.began is None and _may_begin(handling, tx, at))), None)
    return found or next(
        (tx for tx in known if _is_begun_again(handling, tx) and (tx.state == "running" or not _is_idle(tx))), None
    )


def _is_begun_without_a_clock(handling: Handling, tx: Transaction) -> bool:
    """Return whether a beginning without a time is said again: of what runs, or by the same message."""
    return tx.state == "running" or (tx.begun_by == handling.said.id and not is_over(tx))


def _is_begun_again(handling: Handling, tx: Transaction) -> bool:
    """Return whether a beginning is said again with another time on it: some stations write the time when they send.

    Its number, its token and its register are the same. A meter that begins at 0 each time tells nothing.
    """
    register, text = first_register(readings(handling.said, "meterValue")), token_of_2x(handling.said)[0]
    return _has_come(handling, tx) and text in ("", tx.token) and bool(register) and register == tx.meter_start


def _is_idle(tx: Transaction) -> bool:
    """Return whether a transaction has charged nothing that is known."""
    return tx.meter_start is None or tx.meter_last is None or tx.meter_last <= tx.meter_start


def is_told_before(handling: Handling, tx: Transaction) -> bool:
    """Return whether an event is the beginning, again, of a transaction that has charged since: it changes nothing."""
    return handling.said.text("eventType") == "Started" and not _is_idle(tx) and _is_begun_again(handling, tx)


def _may_begin(handling: Handling, tx: Transaction, at: float) -> bool:
    """Return whether a transaction that has no beginning may have begun at a time."""
    if tx.ended is not None:
        return at <= tx.ended
    return tx.heard is None or at <= tx.heard or not _has_come(handling, tx)


# Other events.


def _told_of(handling: Handling, known: list[Transaction]) -> Transaction | None:
    """Return the transaction that an event is of which is no beginning; None if it is of one that begins unheard."""
    at = read_time(handling.said.fields.get("timestamp"))
    if at is None or not known:
        return known[-1] if known else None
    for tx in known:
        if is_over(tx) and tx.ended == at and _is_its_end(handling, tx):
            return tx
    latest = [tx for before, tx in zip([None, *known], known, strict=False) if _is_since(tx, before, at)] or known
    tx = latest[-1]
    return None if tx is known[-1] and _is_of_another(handling, tx, at) else tx


def _is_since(tx: Transaction, before: Transaction | None, at: float) -> bool:
    """Return whether a transaction had begun at a time; without its beginning, whether the one before had ended."""
    if tx.began is not None:
        return tx.began <= at
    return before is None or before.ended is None or before.ended < at


def _is_of_another(handling: Handling, tx: Transaction, at: float) -> bool:
    """Return whether an event is of one that has begun since: a number comes again, after the station's own end."""
    is_after = is_over(tx) and tx.ended is not None and tx.ended < at
    return is_after and _has_come(handling, tx) and not _is_its_end(handling, tx) and not _has_passed(handling, tx)


def _has_passed(handling: Handling, tx: Transaction) -> bool:
    """Return whether the register of an event is one that a transaction had before it ended: it is told again."""
    register = first_register(readings(handling.said, "meterValue"))
    return register is not None and 0 < (tx.meter_start or 0) <= register < (tx.meter_stop or 0)


def _has_come(handling: Handling, tx: Transaction) -> bool:
    seq = handling.said.whole("seqNo")
    return seq is not None and Heard(tx.seq, tx.missing).has(seq)


def _is_its_end(handling: Handling, tx: Transaction) -> bool:
    """Return whether this is the end of a transaction again, with no other register; some write another time on it."""
    said = handling.said
    register = last_register(readings(said, "meterValue"))
    return said.text("eventType") == "Ended" and said.whole("seqNo") == tx.seq and register in (None, tx.meter_stop)
