"""Transactions of 2.x: TransactionEvent, in whatever order its events come.

Each event has a number; one that has come before changes nothing. What an event says counts from its own time, so that
one that comes late does not overwrite what is newer (2.0.1 Part 2, E01 to E15; 2.1 E01 to E17).
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.ends import displaced, end
from voltgate.csms.handlers.authorize import info_2x, token_of_2x, verdict
from voltgate.csms.handlers.metering import keep, readings
from voltgate.csms.handlers.transactions_1x import use_reservation
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, text_of, whole_of
from voltgate.csms.times import read_time
from voltgate.csms.totals import register

_MOST_MISSING = 500
"""Sequence numbers that are remembered as missing."""
NO_READING = "its end came without a reading of the register"


def needs(said: Said, needs: Needs) -> None:
    """Read the transaction, what runs, the token and the reservation."""
    needs.transactions.add((said.station, ref_of(said)))
    needs.running.add(said.station)
    token = token_of_2x(said)[0].casefold()
    if token:
        needs.tokens.add(token)
        needs.used.add(token)
    reservation = said.whole("reservationId")
    if reservation is not None:
        needs.reservations.add((said.station, reservation))


def ref_of(said: Said) -> str:
    """Return the transactionId."""
    return text_of(said.part("transactionInfo").get("transactionId"))


def event(desk: Desk) -> dict[str, Any]:
    """Answer a TransactionEvent."""
    said = desk.said
    at = read_time(said.fields.get("timestamp"))
    when = said.now if at is None else at
    tx = desk.transaction(ref_of(said)) or _heard_of(desk, when)
    text, kind = token_of_2x(said)
    if _is_new(tx, said.whole("seqNo")):
        _take(desk, tx, when, text, kind)
        desk.put(tx)
    if not text and not kind:
        return {}
    status = verdict(desk, text, kind, running=(tx.station, tx.ref))
    return {"idTokenInfo": info_2x(desk, text, status)}


def _heard_of(desk: Desk, at: float) -> Transaction:
    said = desk.said
    tx = Transaction(said.station, ref_of(said), network=desk.station.network, version=said.version)
    tx.began, tx.began_received = at, said.now
    desk.begin(tx)
    return tx


def _is_new(tx: Transaction, seq: int | None) -> bool:
    """Note that an event has come; return whether it had not come before."""
    if seq is None:
        return True
    missing = {int(each) for each in tx.missing.split()}
    if seq <= tx.seq and seq not in missing:
        return False
    missing.discard(seq)
    missing.update(range(max(tx.seq + 1, seq - _MOST_MISSING), seq))
    tx.missing = " ".join(map(str, sorted(missing)[:_MOST_MISSING]))
    return True


def _take(desk: Desk, tx: Transaction, at: float, text: str, kind: str) -> None:
    """Take what a new event says."""
    said, info = desk.said, desk.said.part("transactionInfo")
    kind_of_event, seq = said.text("eventType"), said.whole("seqNo")
    is_latest = seq is None or seq > tx.seq
    tx.seq = max(tx.seq, -1 if seq is None else seq)
    _place(desk, tx, said.part("evse"))
    _bind(desk, tx, text, kind, is_end=kind_of_event == "Ended")
    tx.offline = tx.offline or said.fields.get("offline") is True
    tx.remote_start = whole_of(info.get("remoteStartId")) if tx.remote_start is None else tx.remote_start
    if tx.reservation is None and said.whole("reservationId") is not None:
        tx.reservation = said.whole("reservationId")
        use_reservation(desk, tx)
    read = readings(said, "meterValue")
    keep(desk, tx.evse or 0, tx.ref, tx, read)
    registers = [energy for each in read if (energy := register(each)) is not None]
    if kind_of_event == "Started":
        tx.began, tx.trigger = at, said.text("triggerReason")
        if registers and tx.meter_start is None:
            tx.meter_start = registers[0]
        displaced(desk, tx.evse, at, tx.ref)
    elif tx.began is not None and at < tx.began and "0" in tx.missing.split():
        tx.began = at
    if is_latest and tx.state == "running":
        tx.charging_state = text_of(info.get("chargingState")) or tx.charging_state
    if kind_of_event == "Ended":
        _end(desk, tx, at, registers, text_of(info.get("stoppedReason")))


def _place(desk: Desk, tx: Transaction, evse: dict[str, Any]) -> None:
    number, connector = whole_of(evse.get("id")), whole_of(evse.get("connectorId"))
    if number is not None:
        tx.evse = number
        tx.connector = tx.connector if connector is None else connector


def _bind(desk: Desk, tx: Transaction, text: str, kind: str, *, is_end: bool) -> None:
    """Note whose transaction it is: the first token is its, that of its end may be another."""
    if not text and not kind:
        return
    if is_end:
        tx.stop_token = text
    if not tx.token and not (is_end and tx.token_kind):
        known = desk.token(text)
        tx.token, tx.token_kind, tx.group = text, kind, "" if known is None else known.group
    if not is_end and tx.state == "running":
        desk.used(text).add((tx.station, tx.ref))


def _end(desk: Desk, tx: Transaction, at: float, registers: list[float], reason: str) -> None:
    """End it; without a reading the last one that the station has given stands for it, and that is said."""
    desk.used(tx.token).discard((tx.station, tx.ref))
    if registers:
        end(desk, tx, at, registers[-1], reason)
    else:
        end(desk, tx, at, tx.meter_last, reason, NO_READING if tx.meter_last is not None else "")
