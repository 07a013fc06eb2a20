"""Transactions of 1.x: StartTransaction and StopTransaction.

Neither is ever refused: what it says has happened (1.6 sections 4.8 and 4.10). A station that got no answer says it
again, and gets the answer of the first time.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.desk import Desk
from voltgate.csms.ends import crowded, displaced, end_as_said, is_over
from voltgate.csms.handlers.authorize import info_1x, verdict
from voltgate.csms.handlers.finding import is_number, the_running
from voltgate.csms.handlers.metering import keep, last_register, readings
from voltgate.csms.handlers.notes import set_aside
from voltgate.csms.meters import Reading
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.times import read_time

LATE = 60.0
"""Seconds after its time from which on a message counts as one that was kept while the station was offline."""


def start_needs(said: Said, needs: Needs) -> None:
    """Read the token, what runs, what ended last there, the reservation; have a number."""
    needs.running.add(said.station)
    needs.last.add((said.station, said.whole("connectorId") or 0))
    needs.numbers += 1
    needs.token(said.text("idTag"), used=True)
    needs.reservation(said.station, said.whole("reservationId"))


def start(desk: Desk) -> dict[str, Any]:
    """Answer a StartTransaction."""
    said = desk.said
    token = said.text("idTag")
    if not any(name in said.fields for name in ("connectorId", "idTag", "meterStart")):
        desk.put(set_aside(said))
        hold_to_form(desk)
    tx = _begun_before(desk) or _begin(desk, token)
    status = verdict(desk, token, "", begins=tx)
    if tx.state == "running":
        desk.used(token).add((tx.station, tx.ref))
    return {"idTagInfo": info_1x(desk, token, status), "transactionId": tx.number}


def _begun_before(desk: Desk) -> Transaction | None:
    """Return the transaction of which this is a repetition.

    A repetition says all the same. Of one that has ended it must also be the same message: there are stations whose
    clock stands still and whose register does. Those that have no clock at all may count their messages anew each day:
    what they have ended is over.
    """
    said = desk.said
    evse, token = said.whole("connectorId"), said.text("idTag")
    meter, at = said.number("meterStart"), read_time(said.fields.get("timestamp"))
    for tx in desk.of_station():
        same = (tx.evse, tx.token, tx.meter_start) == (evse, token, meter) and (at is None or tx.began == at)
        is_repeated = tx.begun_by == said.id and (at is not None or not is_over(tx))
        if same and tx.number is not None and (is_repeated or (tx.state == "running" and at is not None)):
            return tx
    return None


def _begin(desk: Desk, token: str) -> Transaction:
    said, number = desk.said, desk.number()
    at = read_time(said.fields.get("timestamp"))
    began, evse = said.now if at is None else at, said.whole("connectorId")
    known = desk.token(token)
    tx = Transaction(
        said.station,
        str(number),
        number,
        desk.station.network,
        said.version,
        evse,
        1 if evse else None,
        token,
        group="" if known is None else known.group,
        began=began,
        began_received=said.now,
        meter_start=said.number("meterStart"),
        offline=said.now - began > LATE,
        reservation=said.whole("reservationId"),
        begun_by=said.id,
    )
    desk.begin(tx)
    displaced(desk, tx)
    crowded(desk, tx)
    use_reservation(desk, tx)
    return tx


def use_reservation(desk: Desk, tx: Transaction) -> None:
    """Note that a reservation was used."""
    reservation = None if tx.reservation is None else desk.reservation(tx.reservation)
    if reservation is not None:
        reservation.status, reservation.ref = "Used", tx.ref
        desk.put(reservation)


def stop_needs(said: Said, needs: Needs) -> None:
    """Read the transaction, what runs, and the token that ended it; have a number."""
    needs.running.add(said.station)
    number, at = said.whole("transactionId"), read_time(said.fields.get("timestamp"))
    if is_number(number):
        needs.transactions.add((said.station, str(number)))
    elif at is not None:
        needs.ended.add((said.station, at))
    needs.numbers += 1
    needs.token(said.text("idTag"))


def stop(desk: Desk) -> dict[str, Any]:
    """Answer a StopTransaction, never with an error: there are stations that boot again and again then (Metron)."""
    said = desk.said
    token = said.text("idTag")
    tx = _ended(desk, token)
    if tx is None:
        desk.put(set_aside(said))
    else:
        _end(desk, tx, token)
    return {"idTagInfo": info_1x(desk, token, verdict(desk, token, ""))} if token else {}


def _ended(desk: Desk, token: str) -> Transaction | None:
    """Return the transaction that is said to have ended; None if it is none that can be told from others.

    A station that never got a number, since it began offline, says 0 or -1: then it is the one that runs, if there is
    only one that it can be.
    """
    said, number = desk.said, desk.said.whole("transactionId")
    if is_number(number):
        known = desk.transaction(str(number))
    else:
        known = _ended_before(desk, token) or the_running(desk, token=token)
    if known is not None:
        return known
    if not is_number(number) and "meterStop" not in said.fields:
        return None
    return _unheard_of(desk, number if number is not None and is_number(number) else desk.number(), token)


def _ended_before(desk: Desk, token: str) -> Transaction | None:
    """Return the transaction of whose end, told without a number, this is a repetition."""
    at, meter = read_time(desk.said.fields.get("timestamp")), _meter_stop(desk, readings(desk.said, "transactionData"))
    for tx in desk.of_station() if at is not None else ():
        if is_over(tx) and (tx.ended, tx.stop_token) == (at, token) and meter in (None, tx.meter_stop):
            return tx
    return None


def _end(desk: Desk, tx: Transaction, token: str) -> None:
    said = desk.said
    read = readings(said, "transactionData")
    keep(desk, tx.evse or 0, tx.ref, tx, read)
    meter = _meter_stop(desk, read)
    if not is_over(tx) or (tx.estimated and meter is not None):
        tx.stop_token = token
        end_as_said(desk, tx, said.at("timestamp"), meter, said.text("reason"))


def _meter_stop(desk: Desk, read: list[Reading]) -> float | None:
    meter = desk.said.number("meterStop")
    return last_register(read) if meter is None else meter


def _unheard_of(desk: Desk, number: int, token: str) -> Transaction:
    """Return a transaction of which only the end is known: begun at another system, or before this one was there."""
    said = desk.said
    desk.withhold(number)
    tx = Transaction(said.station, str(number), number, desk.station.network, said.version, token=token)
    tx.began_received = said.now
    desk.begin(tx)
    return tx
