"""Transactions of 1.x: StartTransaction and StopTransaction.

Neither is ever refused: what it says has happened (1.6 sections 4.8 and 4.10). A station that got no answer says it
again, and gets the answer of the first time.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.ends import displaced, end
from voltgate.csms.handlers.authorize import info_1x, verdict
from voltgate.csms.handlers.finding import numbered
from voltgate.csms.handlers.metering import keep, readings
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
    token = said.text("idTag").casefold()
    if token:
        needs.tokens.add(token)
        needs.used.add(token)
    reservation = said.whole("reservationId")
    if reservation is not None:
        needs.reservations.add((said.station, reservation))


def start(desk: Desk) -> dict[str, Any]:
    """Answer a StartTransaction."""
    said = desk.said
    token = said.text("idTag")
    tx = _begun_before(desk) or _begin(desk, token)
    status = verdict(desk, token, "", running=(tx.station, tx.ref))
    desk.used(token).add((tx.station, tx.ref))
    return {"idTagInfo": info_1x(desk, token, status), "transactionId": tx.number}


def _begun_before(desk: Desk) -> Transaction | None:
    """Return the transaction of which this is a repetition.

    A repetition says all the same. Of one that has ended it must also be the same message: there are stations whose
    clock stands still and whose register does.
    """
    said = desk.said
    evse, token = said.whole("connectorId"), said.text("idTag")
    meter, at = said.whole("meterStart"), read_time(said.fields.get("timestamp"))
    for tx in desk.of_station():
        same = (tx.evse, tx.token, tx.meter_start) == (evse, token, meter) and (at is None or tx.began == at)
        if same and tx.number is not None and (tx.begun_by == said.id or (tx.state == "running" and at is not None)):
            return tx
    return None


def _begin(desk: Desk, token: str) -> Transaction:
    said, number = desk.said, desk.number()
    at = read_time(said.fields.get("timestamp"))
    began, evse = said.now if at is None else at, said.whole("connectorId")
    meter = said.whole("meterStart")
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
        meter_start=None if meter is None else float(meter),
        offline=said.now - began > LATE,
        reservation=said.whole("reservationId"),
        begun_by=said.id,
    )
    displaced(desk, evse, began, tx.ref)
    desk.begin(tx)
    use_reservation(desk, tx)
    return tx


def use_reservation(desk: Desk, tx: Transaction) -> None:
    """Note that a reservation was used."""
    reservation = None if tx.reservation is None else desk.reservation(tx.reservation)
    if reservation is not None:
        reservation.status, reservation.ref = "Used", tx.ref
        desk.put(reservation)


def stop_needs(said: Said, needs: Needs) -> None:
    """Read the transaction, and the token that ended it."""
    needs.running.add(said.station)
    needs.transactions.add((said.station, str(said.whole("transactionId") or 0)))
    needs.numbers += 1
    token = said.text("idTag").casefold()
    if token:
        needs.tokens.add(token)
        needs.used.add(token)


def stop(desk: Desk) -> dict[str, Any]:
    """Answer a StopTransaction."""
    said = desk.said
    number, token = said.whole("transactionId") or 0, said.text("idTag")
    at = read_time(said.fields.get("timestamp"))
    tx = numbered(desk, number, token=token) or _unheard_of(desk, number, token)
    keep(desk, tx.evse or 0, tx.ref, tx, readings(said, "transactionData"))
    if tx.state == "running" or tx.estimated:
        meter = said.whole("meterStop")
        tx.stop_token = token
        desk.used(tx.token).discard((tx.station, tx.ref))
        end(desk, tx, said.now if at is None else at, None if meter is None else float(meter), said.text("reason"))
    if not token:
        return {}
    return {"idTagInfo": info_1x(desk, token, verdict(desk, token, "", running=(tx.station, tx.ref)))}


def _unheard_of(desk: Desk, number: int, token: str) -> Transaction:
    """Return a transaction of which only the end is known: begun at another system, or before this one was there."""
    said = desk.said
    mine = number if number > 0 else desk.number()
    tx = Transaction(said.station, str(mine), mine, desk.station.network, said.version, token=token)
    tx.began_received = said.now
    desk.begin(tx)
    return tx
