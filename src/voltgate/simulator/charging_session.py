"""A session: one car at one connector of a simulated station, from the plug to the last confirmed message.

Transaction messages are kept by the station's outbox until they are answered; other calls may be lost.
Source: OCPP 1.6 sections 3.3 to 3.7 and 4.8 to 4.10; OCPP 2.0.1 and 2.1 Part 2 sections E and F.
"""

from __future__ import annotations

from typing import Any

from voltgate.simulator import payloads_2x, payloads_16
from voltgate.simulator.calls import Answer, AnswerCheck, OnAnswer
from voltgate.simulator.charging_station import ChargingStation
from voltgate.simulator.history import TransactionRecord
from voltgate.simulator.tally import Fault

_POWER = 7400


class ChargingSession:
    """What sessions of all versions share: the driver's card, the meter, and the number of unconfirmed messages."""

    __slots__ = (
        "_next_reading",
        "connector",
        "ended",
        "length",
        "record",
        "remote",
        "state",
        "station",
        "tag",
        "unconfirmed",
    )

    def __init__(self, station: ChargingStation, connector: int, tag: str, length: float, remote: int | None) -> None:
        self.station = station
        self.connector = connector
        self.tag = tag
        self.length = length
        self.remote = remote
        self.state = "Occupied" if station.modern else "Preparing"
        self.record: TransactionRecord | None = None
        self.unconfirmed = 0
        self.ended = False
        self._next_reading = 0.0

    def begin(self, now: float) -> None:
        """Plug in, and authorize the card; while offline every card is accepted."""
        raise NotImplementedError

    def stop(self, reason: str, now: float) -> None:
        """End the transaction; the reason is spelt as in 1.6."""
        raise NotImplementedError

    def sample(self, now: float, context: str = "Trigger") -> None:
        """Send a meter reading now."""
        raise NotImplementedError

    @property
    def transaction_id(self) -> str | int | None:
        """The transaction's number or name, once it has one."""
        raise NotImplementedError

    def meter(self, now: float) -> int:
        """Return the meter's reading in Wh."""
        record = self.record
        return 0 if record is None else record.meter_start + int((now - record.started) * _POWER / 3600)

    def _open_record(self, now: float) -> None:
        station = self.station
        station.simulation.tally.begun += 1
        self.record = TransactionRecord(self.connector, self.tag, station.random.below(1 << 20), now)
        self.station.simulation.wheel.at(now + self.length, self._time_up)
        self._next_reading = now + station.simulation.profile.metering
        station.simulation.wheel.at(self._next_reading, self._sample_periodically)

    def _sample_periodically(self, now: float) -> None:
        if not self.ended:
            self.sample(now, "Sample.Periodic")
            self._next_reading += max(self.station.metering, 0.1)
            self.station.simulation.wheel.at(self._next_reading, self._sample_periodically)

    def _time_up(self, now: float) -> None:
        self.stop("Local", now)

    def _authorize(self, payload: dict[str, Any], on_answer: OnAnswer, now: float) -> None:
        self.station.ask("Authorize", payload, on_answer, now, verify=self._check_card)

    def _check_card(self, payload: dict[str, Any]) -> str | None:
        """Check that an answer is about this card: the simulated backend names the card as its own group."""
        if not self.station.simulation.settings.echo:
            return None
        group = _group(payload)
        return None if group == self.tag else f"the answer is about the card {group}, not {self.tag}"

    def _ask_kept(
        self, action: str, payload: Any, on_answer: OnAnswer | None, now: float, verify: AnswerCheck | None = None
    ) -> None:
        """Send a message that must not be lost."""
        self.unconfirmed += 1
        self.station.ask(action, payload, Confirmation(self, action, on_answer), now, kept=True, verify=verify)

    def message_ended(self, action: str, answer: Answer, now: float) -> None:
        """Count a message that was confirmed, or was given up."""
        self.unconfirmed -= 1
        record, tally = self.record, self.station.simulation.tally
        if not isinstance(answer, dict) and record is not None and not record.lost:
            record.lost = True
            tally.fault(
                Fault.LOST, self.station.identity, f"{action} of transaction {self.transaction_id} was given up"
            )
        if self.ended and not self.unconfirmed and record is not None:
            record.confirmed = not record.lost
            tally.confirmed += record.confirmed
            self.station.keep_record(record)

    def _end(self, now: float) -> None:
        self.ended = True
        self.station.simulation.wheel.at(now + 0.2, self._release)

    def _release(self, now: float) -> None:
        self.station.session_ended(self.connector, now)

    def _end_unauthorized(self, now: float) -> None:
        """End without a transaction: the card may not charge."""
        self._end(now)


class Confirmation:
    """The callback of a transaction message: it informs the session, after the callback of the message itself."""

    __slots__ = ("_action", "_on_answer", "_session")

    def __init__(self, session: ChargingSession, action: str, on_answer: OnAnswer | None) -> None:
        self._session = session
        self._action = action
        self._on_answer = on_answer

    def __call__(self, answer: Answer, now: float) -> None:
        """Take the outcome of the message."""
        if self._on_answer is not None:
            self._on_answer(answer, now)
        self._session.message_ended(self._action, answer, now)


class ChargingSession16(ChargingSession):
    """A session of 1.6: the backend numbers the transaction in its answer to the start."""

    __slots__ = ("transaction",)

    def __init__(self, station: ChargingStation, connector: int, tag: str, length: float, remote: int | None) -> None:
        super().__init__(station, connector, tag, length, remote)
        self.transaction: int | None = None

    @property
    def transaction_id(self) -> int | None:
        """The transaction's number, once the backend has given it one."""
        return self.transaction

    def begin(self, now: float) -> None:
        """Plug in and authorize; a remote start needs no authorization (AuthorizeRemoteTxRequests is false)."""
        self._set_status("Preparing", now)
        if self.remote is not None or not self.station.online:
            self._start(now)
        else:
            self._authorize(payloads_16.authorize(self.tag), self._authorized, now)

    def _authorized(self, answer: Answer, now: float) -> None:
        if answer is None or (isinstance(answer, dict) and answer["idTagInfo"]["status"] == "Accepted"):
            self._start(now)
        else:
            self._end_unauthorized(now)

    def _start(self, now: float) -> None:
        if self.ended:
            return
        self._open_record(now)
        stamp = self.station.simulation.clock.stamp(now)
        payload = payloads_16.start(self.connector, self.tag, self.meter(now), stamp)
        self._ask_kept("StartTransaction", payload, self._started, now, self._check_number)
        self._set_status("Charging", now)

    def _started(self, answer: Answer, now: float) -> None:
        if not isinstance(answer, dict):
            return
        self.transaction = answer["transactionId"]
        if self.record is not None:
            self.record.name = self.transaction
        if answer["idTagInfo"]["status"] != "Accepted":
            self.stop("DeAuthorized", now)

    def _check_number(self, payload: dict[str, Any]) -> str | None:
        number = payload["transactionId"]
        for other in self.station.sessions.values():
            if other is not self and other.transaction_id == number:
                return f"the number {number} is that of another transaction of this station"
        return self._check_card(payload)

    def sample(self, now: float, context: str = "Trigger") -> None:
        """Send MeterValues; the transaction's number is filled in when they are sent."""
        station = self.station
        value = payloads_16.reading(
            self.meter(now), station.simulation.profile.samples, station.simulation.clock.stamp(now), context
        )
        if self.record is not None:
            self.record.samples += 1
        self._ask_kept("MeterValues", lambda: payloads_16.meter_values(self.connector, self._number, value), None, now)

    def stop(self, reason: str, now: float) -> None:
        """End the transaction and free the connector."""
        if self.ended:
            return
        if self.record is None:
            self._end_unauthorized(now)
            return
        self.record.meter_stop = meter = self.meter(now)
        self._set_status("Finishing", now)
        self.ended = True
        tag = self.tag if reason == "Local" else None
        stamp = self.station.simulation.clock.stamp(now)
        verify = self._check_card if tag else None
        self._ask_kept(
            "StopTransaction", lambda: payloads_16.stop(self._number, tag, meter, stamp, reason), None, now, verify
        )
        self._end(now)

    @property
    def _number(self) -> int:
        """The number, or -1 when the backend never gave one (errata v4.0 section 3.18)."""
        return -1 if self.transaction is None else self.transaction

    def _set_status(self, state: str, now: float) -> None:
        self.state = state
        self.station.send_status(self.connector, now)


class ChargingSession2x(ChargingSession):
    """A session of 2.0.1 or 2.1: the station names the transaction and numbers its events."""

    __slots__ = ("events", "transaction")

    def __init__(self, station: ChargingStation, connector: int, tag: str, length: float, remote: int | None) -> None:
        super().__init__(station, connector, tag, length, remote)
        self.transaction = station.random.uuid()
        self.events = 0

    @property
    def transaction_id(self) -> str:
        """The transaction's name."""
        return self.transaction

    def begin(self, now: float) -> None:
        """Plug in. One time in four the transaction starts with the cable, before a card is shown."""
        self.station.send_status(self.connector, now)
        if self.remote is not None:
            self._start("RemoteStart", now, card=True)
        elif not self.station.online:
            self._start("Authorized", now, card=True)
        elif self.station.random.chance(0.25):
            self._start("CablePluggedIn", now, card=False)
            self._authorize(payloads_2x.authorize(self.tag), self._authorized, now)
        else:
            self._authorize(payloads_2x.authorize(self.tag), self._authorized, now)

    def _authorized(self, answer: Answer, now: float) -> None:
        accepted = answer is None or (isinstance(answer, dict) and answer["idTokenInfo"]["status"] == "Accepted")
        if self.ended:
            return
        if not accepted:
            self.stop("DeAuthorized", now)
        elif self.record is None:
            self._start("Authorized", now, card=True)
        else:
            self._event("Updated", "Authorized", now, state="Charging", card=True)

    def _start(self, trigger: str, now: float, *, card: bool) -> None:
        self._open_record(now)
        if self.record is not None:
            self.record.name = self.transaction
        state = "Charging" if card else "EVConnected"
        self._event("Started", trigger, now, state=state, card=card, reading="Transaction.Begin")

    def sample(self, now: float, context: str = "Trigger") -> None:
        """Send a TransactionEvent with a meter reading."""
        if self.record is not None:
            self.record.samples += 1
        trigger = "MeterValuePeriodic" if context == "Sample.Periodic" else "Trigger"
        self._event("Updated", trigger, now, reading=context)

    def stop(self, reason: str, now: float) -> None:
        """End the transaction and free the connector."""
        if self.ended:
            return
        if self.record is None:
            self._end_unauthorized(now)
            return
        self.record.meter_stop = self.meter(now)
        stopped = {"DeAuthorized": "DeAuthorized", "Remote": "Remote"}.get(reason, "Local")
        trigger = {"DeAuthorized": "Deauthorized", "Remote": "RemoteStop"}.get(reason, "StopAuthorized")
        if reason in {"HardReset", "SoftReset"}:
            stopped, trigger = "ImmediateReset", "ResetCommand"
        self.ended = True
        card = trigger == "StopAuthorized"
        self._event("Ended", trigger, now, reading="Transaction.End", stopped=stopped, card=card)
        self._end(now)

    def _event(
        self,
        kind: str,
        trigger: str,
        now: float,
        *,
        state: str | None = None,
        card: bool = False,
        reading: str | None = None,
        stopped: str | None = None,
    ) -> None:
        simulation = self.station.simulation
        stamp = simulation.clock.stamp(now)
        more: dict[str, Any] = {} if self.station.online else {"offline": True}
        if kind == "Started":
            more["evse"] = {"id": self.connector, "connectorId": 1}
        if card:
            more["idToken"] = payloads_2x.token(self.tag)
        if reading is not None:
            more["meterValue"] = [payloads_2x.reading(self.meter(now), simulation.profile.samples, stamp, reading)]
        payload = payloads_2x.event(kind, trigger, self.events, self._info(kind, state, stopped), stamp, **more)
        self.events += 1
        self._ask_kept("TransactionEvent", payload, self._answered, now, self._check_card if card else None)

    def _info(self, kind: str, state: str | None, stopped: str | None) -> dict[str, Any]:
        info: dict[str, Any] = {"transactionId": self.transaction}
        if state is not None:
            info["chargingState"] = state
        if stopped is not None:
            info["stoppedReason"] = stopped
        if kind == "Started" and self.remote is not None:
            info["remoteStartId"] = self.remote
        return info

    def _answered(self, answer: Answer, now: float) -> None:
        refused = isinstance(answer, dict) and answer.get("idTokenInfo", {}).get("status", "Accepted") != "Accepted"
        if refused and not self.ended:
            self.stop("DeAuthorized", now)


def _group(payload: dict[str, Any]) -> str | None:
    """Return the group of a card from an answer about it: with the simulated backend, the card itself."""
    if "idTagInfo" in payload:
        parent = payload["idTagInfo"].get("parentIdTag")
        return str(parent) if parent is not None else None
    group: str | None = payload.get("idTokenInfo", {}).get("groupIdToken", {}).get("idToken")
    return group


def create(station: ChargingStation, connector: int, tag: str, length: float, remote: int | None) -> ChargingSession:
    """Return a session of the station's version."""
    return (ChargingSession2x if station.modern else ChargingSession16)(station, connector, tag, length, remote)
