"""Alerts: what a real gateway tells people, by a real mail server, an endpoint in Pushover's shape, and a webhook."""

from __future__ import annotations

import json
from collections import Counter

from sqlalchemy import text

from tests.alerts.people import People, alerts
from tests.alerts.smtp_servers import Inbox, smtp_server
from tests.harness import Gateway, Stage, until
from tests.harness.ports import free_port
from tests.scenarios.conftest import node
from tests.servers import PostgreSQL
from tests.store.conftest import emptied
from voltgate.app.database import upgrade
from voltgate.store.address import open_engine, read_address

AT = "2026-01-01T00:00:00Z"
NAMES = {"OLD": "North Parking"}
EIGHTEEN = {
    "connectedToProxy": "Client connected: {}",
    "disconnectedFromProxy": "Client disconnected: {}",
    "connectedToUpstream": "Connected to upstream: main",
    "disconnectedFromUpstream": "Disconnected from upstream: main",
    **{f"cpStatus{each}": "[{}] ChargePoint is now " + each for each in ("Available", "Unavailable", "Faulted")},
    **{
        f"conStatus{each}": "[{}] Connector #1 is now " + each
        for each in (
            *("Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved"),
            *("Unavailable", "Faulted"),
        )
    },
    "conStartTransaction": "[{}] Transaction Started",
    "conStopTransaction": "[{}] Transaction Stopped",
}
"""The titles of OCPP-Proxy-Alert, by its keys."""


# Each of the eighteen.


async def play_16(stage: Stage) -> None:
    """Do all that a station of 1.6 is told of; the backend's link is lost, and the station goes."""
    station, link = await stage.meet("OLD")

    async def status(word: str, connector: int = 1) -> None:
        error = "ConnectorLockFailure" if word == "Faulted" else "NoError"
        await station.call("StatusNotification", {"connectorId": connector, "status": word, "errorCode": error})

    for word in ("Available", "Unavailable", "Faulted"):
        await status(word, 0)
    for word in ("Available", "Reserved", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"):
        await status(word)
    await status("Unavailable")
    await status("Faulted")
    start = {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 0}
    await station.call("StartTransaction", start)
    await station.call("StopTransaction", {"transactionId": 7, "timestamp": AT, "meterStop": 6000})
    link.kill()
    await stage.gateways[-1].logged('"station":"OLD"', "backend away")
    await station.close()


async def play_201(stage: Stage) -> None:
    """Do the same as a station of 2.0.1, which says it by other messages."""
    station, link = await stage.meet("NEW", "ocpp2.0.1")

    async def status(word: str, evse: int = 1) -> None:
        place = {"evseId": evse, "connectorId": min(evse, 1), "timestamp": AT}
        await station.call("StatusNotification", place | {"connectorStatus": word})

    async def transaction(kind: str, number: int, state: str) -> None:
        info = {"transactionId": "t1", "chargingState": state}
        values = [{"timestamp": AT, "sampledValue": [{"value": 1000.0 * number}]}]
        about = {"transactionInfo": info, "seqNo": number, "evse": {"id": 1, "connectorId": 1}, "meterValue": values}
        await station.call(
            "TransactionEvent", {"eventType": kind, "timestamp": AT, "triggerReason": "Trigger", **about}
        )

    for word in ("Available", "Unavailable", "Faulted"):
        await status(word, 0)
    await status("Available")
    await status("Reserved")
    await status("Occupied")
    await transaction("Started", 0, "EVConnected")
    for number, state in enumerate(("Charging", "SuspendedEVSE", "SuspendedEV"), 1):
        await transaction("Updated", number, state)
    await transaction("Ended", 4, "Idle")
    await status("Unavailable")
    await status("Faulted")
    link.kill()
    await stage.gateways[-1].logged('"station":"NEW"', "backend away")
    await station.close()


async def test_each_of_the_eighteen(stage: Stage, people: People) -> None:
    """Each is told once, in the words of OCPP-Proxy-Alert, to everybody; the same by 1.6 and by 2.0.1."""
    backend = await stage.backend("main")
    for action in ("StatusNotification", "StopTransaction", "TransactionEvent"):
        backend.answers(action, {})
    backend.answers("StartTransaction", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
    names = stage.folder / "clientIdToHuman.json"
    names.write_text(json.dumps(NAMES))
    everybody = ("mail", "phone", "hook")
    section = alerts(people, *EIGHTEEN, channels=everybody) | {"names": str(names)}
    lasting = {"main": {"retry": {"first": 60}}}
    gateway = await stage.gateway(alerts=section, backends=lasting)
    expected: Counter[str] = Counter()
    for play, name in ((play_16, "North Parking"), (play_201, "NEW")):
        await play(stage)
        expected += Counter(title.format(name) for title in EIGHTEEN.values())
        for each in ("hooked_titles", "mailed", "pushed"):
            await until(
                lambda each=each, expected=+expected: getattr(people, each) == expected,
                f"{name}: {each} {(+expected) - getattr(people, each)} {getattr(people, each) - expected}",
            )
    assert {body["event"] for body in people.hooked} == set(EIGHTEEN)
    faulted = next(b for b in people.hooked if b["subject"] == "[North Parking] Connector #1 is now Faulted")
    assert "Error Code: ConnectorLockFailure" in faulted["text"]
    assert faulted["items"][0]["station"] == "OLD"
    assert {each["kind"] for each in people.hooked} == {"alert"}
    assert all(people.inbox.secure)
    assert await gateway.metric("voltgate_alerts_dropped_total") == 0
    assert await gateway.metric("voltgate_alert_messages_total", outcome="sent") == 108
    for subject in people.hooked_titles:
        assert subject.count("{") == 0
    await gateway.stop()


# Those beyond.


async def test_those_beyond(stage: Stage, people: People) -> None:
    """Strangers, wrong passwords, backends that go and come, what is refused, and what is odd about transactions."""
    backend = await stage.backend("main")
    backend.answers("StatusNotification", {})
    backend.answers("BootNotification", {"status": "Accepted", "currentTime": AT, "interval": 300})
    backend.answers("StopTransaction", {})
    backend.answers("StartTransaction", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
    backends = {"main": {"permit": "observe", "retry": {"first": 0.1, "max": 0.2}}}
    stations = [
        {"identity": "CP1", "route": "main"},
        {"identity": "CP2", "route": "main", "password": "right-1234567890"},
    ]
    section = alerts(people, "*", recovery=True)
    gateway = await stage.gateway(alerts=section, backends=backends, stations=stations)

    async def told(*subjects: str) -> None:
        wanted = set(subjects)
        await until(lambda: wanted <= set(people.hooked_titles), f"{wanted} is told; so far {people.hooked_titles}")

    await stage.refused("STRANGER")
    await told("Unknown station: STRANGER")
    await stage.refused("CP2", headers={"Authorization": "Basic Q1AyOndyb25n"})
    await told("Wrong password: CP2")
    station, link = await stage.meet("CP1")
    for _ in range(5):
        await station.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "X1"})
    await told("Station boots again and again: CP1")
    await station.call(
        "StatusNotification",
        {"connectorId": 1, "status": "Charging", "errorCode": "WeakSignal", "vendorErrorCode": "E7"},
    )
    await told("[CP1] Connector #1 reports WeakSignal")
    await station.call("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
    await told("[CP1] Connector #1 reports no error any more")
    ahead = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": "2099-01-01T00:00:00Z"}
    await station.call("StatusNotification", ahead)
    await told("Clock wrong: CP1")
    await link.ask("Reset", {"type": "Hard"})
    await told("[CP1] Command refused: Reset of main")
    start = {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 1000}
    await station.call("StartTransaction", start)
    stop = {"transactionId": 7, "timestamp": AT, "meterStop": 1000, "reason": "PowerLoss"}
    await station.call("StopTransaction", stop)
    await told("[CP1] Transaction stopped: PowerLoss")
    empty = "[CP1] Transaction without energy: "
    await until(lambda: any(title.startswith(empty) for title in people.hooked_titles), "so is that it took nothing")
    await backend.stop()
    await told("Backend away: main")
    await backend.start()
    await told("Backend back: main")
    await station.call("StatusNotification", {"connectorId": 2, "status": "Faulted", "errorCode": "GroundFailure"})
    await told("[CP1] Connector #2 is now Faulted")
    dangers = {"conStatusFaulted", "faultReported"}
    await until(lambda: {each["event"] for each in people.hooked if each["severity"] == "danger"} == dangers, "both")
    await gateway.stop()


# Ends of processes.


async def test_killed_before_it_was_sent(stage: Stage, people: People) -> None:
    """A gateway that is killed while a mail server is away sends its mail when both are back, once."""
    port = free_port()
    people.channels["mail"]["mail"] |= {"port": port, "ca": None, "auth": None, "starttls": "never"}
    people.channels["mail"]["mail"] = {k: v for k, v in people.channels["mail"]["mail"].items() if v is not None}
    await stage.backend("main")
    gateway = await stage.gateway(alerts=alerts(people, "connectedToProxy", channels=("mail",)))
    await stage.station("CP1")

    async def failed() -> bool:
        return await gateway.metric("voltgate_alert_messages_total", outcome="failed") >= 1

    await until(failed, "the mail is tried")
    await gateway.kill()
    inbox = Inbox()
    async with smtp_server(inbox, port=port):
        await gateway.start()
        await until(lambda: inbox.mails, "the mail is sent")
        station = await stage.station("CP2")
        await until(lambda: len(inbox.mails) > 1, "the next one is")
        await station.close()
        subjects = [mail["Subject"] for _, mail in inbox.mails]
        assert sorted(subjects) == ["Client connected: CP1", "Client connected: CP2"]
        await gateway.stop()


async def test_killed_in_an_outage(stage: Stage, people: People) -> None:
    """A backend that is back when its gateway is started again is told to be back; so is its next outage, at once."""
    backend = await stage.backend("main")
    section = alerts(people, "backendAway", recovery=True) | {"thresholds": {"backend_away": 0}}
    backends = {"main": {"retry": {"first": 0.1, "max": 0.2}}}
    gateway = await stage.gateway(alerts=section, backends=backends)
    away, back = "Backend away: main", "Recovered: Backend away: main"

    async def told(wanted: dict[str, int]) -> None:
        await until(lambda: people.hooked_titles == wanted, f"{wanted} is told; so far {people.hooked_titles}")

    await stage.meet("CP1")
    await backend.stop()
    await told({away: 1})
    await gateway.kill()
    await backend.start()
    await gateway.start()
    await stage.meet("CP1")
    await told({away: 1, back: 1})
    await backend.stop()
    await told({away: 2, back: 1})
    await gateway.stop()


async def test_two_nodes_of_which_one_is_killed(stage: Stage, people: People, server: PostgreSQL) -> None:
    """What both see is told once, also when the one that sends it dies before it has got through."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    backend = await stage.backend("main")
    await backend.stop()
    people.hook.answers = [None]  # whoever sends waits for the answer
    section = alerts(people, "backendAway", hold=1, group=1)
    nodes = {
        name: await node(stage, server, [{"answer": "main"}], alerts=section, cluster={"node": name}) for name in "ab"
    }
    for name, gateway in nodes.items():
        await stage.station(name, url=gateway.url(name))
    for gateway in nodes.values():
        await gateway.logged("backend away for all stations")
    await until(lambda: people.hook.got, "one of them tells it")
    dead = nodes[await _holder(server, nodes)]
    people.hook.answers = [(200, "")]
    await dead.kill()
    await until(lambda: len(people.hook.got) > 1, "the other one tells it")
    assert people.hooked_titles == {"Backend away: main": 1}
    other = next(gateway for gateway in nodes.values() if gateway is not dead)

    async def sent() -> bool:
        return await other.metric("voltgate_alert_messages_total", outcome="sent") == 1

    await until(sent, "it knows that it was told")
    assert len(people.hook.got) == 2
    await other.stop()


async def _holder(server: PostgreSQL, nodes: dict[str, Gateway]) -> str:
    """Return which node sends."""
    engine = open_engine(read_address(server.url), 5)
    async with engine.connect() as connection:
        (holder,) = (await connection.execute(text("SELECT holder FROM alert_deliveries"))).scalars()
    await engine.dispose()
    by_id = {json.loads((await g.get("/readyz")).body)["cluster"]["id"]: name for name, g in nodes.items()}
    return by_id[holder]
