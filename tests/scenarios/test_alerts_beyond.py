"""Alerts beyond the eighteen, each as it comes about in life: told to a webhook, and told to be over."""

from __future__ import annotations

from collections.abc import Callable

from tests.alerts.people import People, alerts
from tests.claimants import ADMIN, asking, token_of
from tests.harness import Gateway, Json, ScriptedStation, Stage, free_port, merged, toml, within
from tests.harness.waiting import until
from tests.keypair import write_pair
from tests.scenarios.conftest import node
from tests.scenarios.test_promises import owed
from tests.servers import PostgreSQL
from tests.store.conftest import emptied
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

AT = "2026-01-01T00:00:00Z"
BEAT = {"currentTime": AT}
START = {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 0}
STOP = {"timestamp": AT, "meterStop": 6000}
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
QUICK = {"retry": {"first": 0.1, "max": 0.2}}
EVENTS = (
    *("backendFailing", "claimContested", "journalGrowing", "messageGivenUp", "certificateExpiring", "diskFilling"),
    *("transactionTooLong", "stationSilent"),
)


class Told:
    """What the webhook has got, by its subject."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def of(self, subject: str, **said: str) -> Json:
        """Wait for a message that says these things; return it."""
        await until(lambda: subject in self._people.hooked_titles, f"{subject}; so far {self._people.hooked_titles}")
        found = next(each for each in self._people.hooked if each["subject"] == subject)
        assert {name: found[name] for name in said} == said
        return found

    def has(self, *subjects: str) -> Callable[[], bool]:
        """Return what says whether all of these have come."""
        return lambda: set(subjects) <= set(self._people.hooked_titles)


async def looked(gateway: Gateway, holds: Callable[[], bool], what: str) -> None:
    """Have a gateway read its configuration again, after which it looks at everything, until something holds."""

    def changes() -> int:
        return gateway.log.count("configuration changed")

    async def look() -> None:
        while not holds():
            before = changes()
            gateway.reload()
            await until(lambda before=before: changes() > before, "it is read again")

    await within(look(), what)


async def beats(station: ScriptedStation, number: int) -> None:
    """Have a station say that it lives, so many times."""
    for _ in range(number):
        await station.call("Heartbeat")


async def test_each_of_one_gateway(stage: Stage, people: People) -> None:
    """Backends that fail, are owed much or give no answer; claims, disks, certificates, long transactions, silence."""
    main, billing = await stage.backend("main"), await stage.backend("billing")
    certificate, key = stage.folder / "cert.pem", stage.folder / "key.pem"
    write_pair(certificate, key)
    secure = {"url": f"wss://127.0.0.1:{free_port()}", "certificate": str(certificate), "key": str(key)}
    listeners = [{"url": f"ws://127.0.0.1:{free_port()}"}, secure]
    backends = {name: {"claims": {"token": token_of(name)}} for name in ("main", "billing")}
    backends["billing"] |= {"deliver": "always", "owed": ["StatusNotification"]} | QUICK
    usual = {"backend_calls": 4, "backend_window": 6, "disk_share": 1e-9}
    section = alerts(people, *EVENTS, recovery=True) | {"thresholds": usual}
    gateway = await stage.gateway(
        alerts=section,
        backends=backends,
        listen={"stations": listeners},
        stations=[{"identity": "CP2", "route": "main", "ping": 1}, {"match": "*", "route": "main"}],
        journal={"attempts": 1},
        admin_token=token_of(ADMIN),
    )
    told = Told(people)
    expiring = await told.of(f"Certificate expires: {certificate}", severity="warning", event="certificateExpiring")
    assert expiring["items"][0]["reminder"] == 1
    main.answers("StartTransaction", STARTED)
    billing.answers("StartTransaction", STARTED)
    station, link, copy = await stage.meet("CP1")
    number = (await station.call("StartTransaction", START)).payload["transactionId"]

    for _ in range(4):
        asked = await station.ask("Heartbeat")
        await link.fail(await link.expect("Heartbeat"), "InternalError")
        await station.expect_error(asked)
    failing = await told.of("Backend fails: main", severity="warning", kind="alert")
    assert failing["items"][0]["errors"] == 4
    main.answers("Heartbeat", BEAT)
    billing.answers("Heartbeat", BEAT)

    async with asking(gateway) as api:
        (await api.put("main", "CP9")).gives(200)
        (await api.put("billing", "CP9")).gives(200)
    contested = await told.of("Station claimed by several backends: CP9", severity="warning", kind="alert")
    assert contested["text"].startswith("By main, billing; held by main.")

    main.answers("StatusNotification", {})
    status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    await station.call("StatusNotification", status)
    while (call := await copy.next()).action != "StatusNotification":
        await copy.answer(call, BEAT)
    await copy.fail(call, "InternalError")
    given_up = await told.of("[CP1] Message given up: StatusNotification for billing", severity="error", kind="alert")
    assert given_up["text"].startswith("answered InternalError")

    await billing.stop()
    for connector in (1, 2, 3):
        await station.call("StatusNotification", status | {"connectorId": connector})
    await owed(gateway, 3)
    changed = {"disk_share": 1.0, "disk_free": 1 << 60, "transaction_length": 1, "journal_entries": 3}
    strict = merged(stage.configuration_of(gateway), {"alerts": {"thresholds": changed}})
    usually = gateway.file.read_text()
    gateway.file.write_text(toml(strict))
    folder, transaction = str(gateway.folder / "var"), "[CP1] Transaction of unusual length: "
    grown = ("Journal grows: billing", f"Disk nearly full: {folder}")
    await looked(
        gateway,
        lambda: told.has(*grown)() and any(title.startswith(transaction) for title in people.hooked_titles),
        f"they are told; so far {people.hooked_titles}",
    )
    growing = await told.of(grown[0], severity="warning", event="journalGrowing")
    assert growing["items"][0]["owed"] == 3
    full = await told.of(grown[1], severity="error", event="diskFilling")
    assert " GB are free." in full["text"]
    (long,) = (title for title in people.hooked_titles if title.startswith(transaction))
    assert (await told.of(long, severity="warning", event="transactionTooLong"))["items"][0]["station"] == "CP1"

    billing.answers("StatusNotification", {})
    await billing.start()
    await owed(gateway, 0)
    write_pair(certificate, key, days=400)
    gateway.file.write_text(usually)
    over = [f"Recovered: {each}" for each in (*grown, f"Certificate expires: {certificate}")]
    await looked(gateway, told.has(*over), f"they are over; so far {people.hooked_titles}")
    main.answers("StopTransaction", {})
    billing.answers("StopTransaction", {})
    await station.call("StopTransaction", STOP | {"transactionId": number})
    await told.of(f"Recovered: {long}", kind="recovery")

    dead = await stage.raw("CP2")
    await dead.handshake("/CP2")
    silent = await told.of("Station silent: CP2", severity="warning", kind="alert")
    assert silent["text"].startswith("no sign of life")
    await dead.drop()
    await stage.station("CP2")
    await told.of("Recovered: Station silent: CP2", kind="recovery")

    async def sound() -> None:
        while not told.has("Recovered: Backend fails: main")():
            await beats(station, 4)

    await within(sound(), f"the backend is sound; so far {people.hooked_titles}", 60)
    again = {title: number for title, number in people.hooked_titles.items() if number > 1 and "CP2" not in title}
    assert again == {}
    await gateway.stop()


async def test_a_node_that_dies(stage: Stage, people: People, server: PostgreSQL) -> None:
    """It is told of once, and so are the stations that it held; one of them comes again elsewhere, the node as well."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    await stage.backend("main")
    section = alerts(people, "nodeLost", "disconnectedFromProxy", recovery=True)
    known = [{"identity": each, "route": "main"} for each in ("CP1", "CP2")]
    more = {"alerts": section, "stations": known}
    nodes = {name: await node(stage, server, [{"answer": "main"}], cluster={"node": name}, **more) for name in "abc"}
    told = Told(people)
    for identity in ("CP1", "CP2"):
        await stage.station(identity, url=nodes["a"].url(identity))

    async def knows() -> bool:
        return await nodes["b"].metric("voltgate_cluster_nodes") == 3

    await until(knows, "the others know of it")
    await nodes["a"].kill()
    lost = await told.of("Node lost: a", severity="error", kind="alert", event="nodeLost")
    assert lost["items"][0]["seconds"] >= 10
    for identity in ("CP1", "CP2"):
        gone = await told.of(f"Client disconnected: {identity}", severity="warning", kind="alert")
        assert "Its gateway has died" in gone["text"]
    await stage.station("CP2", url=nodes["b"].url("CP2"))
    await told.of("Recovered: Client disconnected: CP2", kind="recovery")
    await nodes["a"].start()
    await told.of("Recovered: Node lost: a", kind="recovery")
    went = sum(gateway.log.count('"event":"station went"') for gateway in nodes.values())
    assert went == 2, "one of the two that live says so of each"
    assert set(people.hooked_titles.values()) == {1}
    for gateway in nodes.values():
        await gateway.stop()
