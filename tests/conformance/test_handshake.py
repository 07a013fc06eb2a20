"""Area handshake: who is let in, as whom, and speaking which version."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from websockets.frames import Opcode

from tests.harness import SUBPROTOCOLS, Stage, basic, boot_accepted, frame

from .words import HEARTBEAT, VERSIONS

ADMISSION = ("backend", "gateway")


def _route(admit: str) -> dict[str, object]:
    return {"main": {"admit": admit, "rules": [{"answer": "main"}]}}


async def test_hs_01_one_of_the_offered_names_is_chosen_and_echoed(stage: Stage) -> None:
    """A station that offers one registered name gets exactly that name, and so does its backend."""
    main = await stage.backend("main")
    await stage.gateway()
    for name in SUBPROTOCOLS:
        station, link = await stage.meet("CP1", name)
        assert station.response is not None
        assert station.response.headers.get_all("Sec-WebSocket-Protocol") == [name]
        assert link.subprotocol == name
    assert [handshake.headers["Sec-WebSocket-Protocol"] for handshake in main.handshakes] == list(SUBPROTOCOLS)


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_02_the_stations_order_of_preference_decides(stage: Stage, admit: str) -> None:
    """Of several versions the station speaks the one that it named first, whatever we like best."""
    await stage.backend("main")
    await stage.gateway(routes=_route(admit))
    assert (await stage.station("CP1", "ocpp1.6", "ocpp2.0.1")).subprotocol == "ocpp1.6"
    assert (await stage.station("CP2", "ocpp2.1", "ocpp2.0.1", "ocpp1.6")).subprotocol == "ocpp2.1"


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_02_what_the_backend_takes_limits_the_choice(stage: Stage, admit: str) -> None:
    """A station is not promised a version that its backend is configured not to take."""
    await stage.backend("main", versions=("ocpp2.0.1", "ocpp2.1"))
    await stage.gateway(routes=_route(admit), backends={"main": {"versions": ["ocpp2.0.1", "ocpp2.1"]}})
    assert (await stage.station("CP1", "ocpp1.6", "ocpp2.0.1", "ocpp2.1")).subprotocol == "ocpp2.0.1"
    assert (await stage.refused("CP2", "ocpp1.6")).status_code == 400


async def test_hs_02_the_choice_of_the_admitting_backend_stands(stage: Stage) -> None:
    """Where the backend admits, it sees the station's own offer, and its choice is the station's."""
    main = await stage.backend("main", versions=("ocpp2.0.1",))
    await stage.gateway(routes=_route("backend"))
    station, link = await stage.meet("CP1", "ocpp1.6", "ocpp2.0.1")
    assert main.handshakes[0].headers["Sec-WebSocket-Protocol"].replace(" ", "") == "ocpp1.6,ocpp2.0.1"
    assert station.subprotocol == link.subprotocol == "ocpp2.0.1"


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_03_unknown_names_beside_a_known_one_are_passed_over(stage: Stage, admit: str) -> None:
    """An offer that also lists versions nobody knows is taken for the one that is known."""
    await stage.backend("main")
    await stage.gateway(routes=_route(admit))
    assert (await stage.station("CP1", "ocpp0.1", "ocpp2.0.1")).subprotocol == "ocpp2.0.1"


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_04_no_common_version_is_refused_before_the_upgrade(stage: Stage, admit: str) -> None:
    """A station that speaks nothing we know is told so by HTTP, as certification wants it; no backend hears of it."""
    main = await stage.backend("main")
    await stage.gateway(routes=_route(admit), protocol={"no_common_subprotocol": "refuse"})
    response = await stage.refused("CP1", "ocpp0.1")
    assert response.status_code == 400
    assert response.body, "a refusal says why"
    assert main.handshakes == []


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_04_no_common_version_is_closed_after_the_upgrade_by_setting(stage: Stage, admit: str) -> None:
    """By setting the handshake is finished without a sub-protocol and closed at once, as OCPP-J words it."""
    main = await stage.backend("main")
    await stage.gateway(routes=_route(admit), protocol={"no_common_subprotocol": "close"})
    station = await stage.station("CP1", "ocpp0.1")
    assert station.subprotocol is None
    assert (await station.closed()).code != 1006
    assert any(line.startswith("<101") for line in stage.transcript.got("CP1"))
    assert main.handshakes == []


async def test_hs_05_a_missing_version_is_taken_for_1_6(stage: Stage) -> None:
    """A station without the header is let in as 1.6, and is not answered a version that it did not offer."""
    await stage.backend("main")
    await stage.gateway()
    raw = await stage.raw()
    response = await raw.handshake("/CP1", without=("Sec-WebSocket-Protocol",))
    assert response.status_code == 101
    assert "Sec-WebSocket-Protocol" not in response.headers
    station, link = raw.upgraded(), await stage.backends["main"].station("CP1")
    assert link.subprotocol == "ocpp1.6"
    boot = await station.ask("BootNotification", {"chargePointVendor": "Finch", "chargePointModel": "Sparrow"})
    await link.answer(await link.expect("BootNotification"), boot_accepted())
    await station.expect_result(boot)


async def test_hs_05_a_missing_version_is_a_setting_of_the_station(stage: Stage) -> None:
    """The version to assume is set for each station, and so is refusing those that do not say."""
    await stage.backend("main")
    entries = [
        {"match": "NEW*", "missing_subprotocol": "ocpp2.0.1", "route": "main"},
        {"match": "*", "route": "main"},
    ]
    await stage.gateway(stations=entries, protocol={"missing_subprotocol": "refuse"})
    raw = await stage.raw()
    assert (await raw.handshake("/NEW1", without=("Sec-WebSocket-Protocol",))).status_code == 101
    assert (await stage.backends["main"].station("NEW1")).subprotocol == "ocpp2.0.1"
    raw = await stage.raw()
    assert (await raw.handshake("/CP1", without=("Sec-WebSocket-Protocol",))).status_code == 400


async def test_hs_06_a_version_in_the_path_decides_nothing(stage: Stage) -> None:
    """A station that dials /ocpp2.0.1/CP1 and offers 1.6 speaks 1.6."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station = await stage.station("CP1", "ocpp1.6", url=f"ws://127.0.0.1:{gateway.stations_port}/ocpp2.0.1/CP1")
    assert station.subprotocol == "ocpp1.6"
    assert (await stage.backends["main"].station("CP1")).subprotocol == "ocpp1.6"


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/RDAM%7C123", "RDAM|123"),
        ("/ocpp/RDAM|123", "RDAM|123"),
        ("/ocpp/CP1?token=CP2", "CP1"),
        ("/ocpp/CP1?token=/CP2", "CP1"),
        ("/ocpp/C%50%31", "CP1"),
    ],
)
async def test_hs_07_identity_is_the_last_segment_decoded_once(stage: Stage, path: str, identity: str) -> None:
    """The identity is the last segment of the path, percent-decoded, and never comes out of the query."""
    main = await stage.backend("main")
    await stage.gateway()
    raw = await stage.raw()
    assert (await raw.handshake(path)).status_code == 101
    assert [handshake.station for handshake in main.handshakes] == [identity]


async def test_hs_07_identity_is_not_decoded_twice(stage: Stage) -> None:
    """An identity that was encoded twice is not taken for the one that a second decoding would give."""
    main = await stage.backend("main")
    await stage.gateway(stations=[{"identity": "CP1", "route": "main"}])
    raw = await stage.raw()
    assert (await raw.handshake("/CP%2531")).status_code in {400, 404}
    assert main.handshakes == []


async def test_hs_08_identity_has_at_most_48_characters_and_no_colon(stage: Stage) -> None:
    """The longest identity of the specification is let in; a longer one and one with a colon are not."""
    main = await stage.backend("main")
    await stage.gateway()
    longest = "CP*-_=+|@." + "x" * 38
    await stage.station(longest, "ocpp2.0.1")
    assert (await stage.refused(longest + "x", "ocpp2.0.1")).status_code == 400
    assert (await stage.refused("CP:1", "ocpp2.0.1")).status_code == 400
    assert [handshake.station for handshake in main.handshakes] == [longest]


async def test_hs_08_identity_is_compared_without_regard_to_case(stage: Stage) -> None:
    """A station that writes its identity in small letters is the same station, and is passed on as it writes itself."""
    main = await stage.backend("main")
    await stage.gateway(stations=[{"identity": "CP1", "route": "main"}])
    before = await stage.station("CP1", "ocpp2.0.1")
    await stage.station("cp1", "ocpp2.0.1", name="small")
    await before.closed()
    assert [handshake.station for handshake in main.handshakes] == ["CP1", "cp1"]


async def test_hs_08_regard_to_case_is_a_setting(stage: Stage) -> None:
    """By setting identities that differ in case are two stations."""
    await stage.backend("main")
    await stage.gateway(stations=[{"identity": "CP1", "route": "main"}], directory={"case_sensitive": True})
    await stage.station("CP1")
    assert (await stage.refused("cp1")).status_code == 404


async def test_hs_09_an_unknown_station_gets_404(stage: Stage) -> None:
    """A station that nobody registered is refused by HTTP, with a body that says why, and no backend hears of it."""
    main = await stage.backend("main")
    await stage.gateway(stations=[{"match": "CP*", "route": "main"}])
    response = await stage.refused("XX1")
    assert response.status_code == 404
    assert response.body
    assert main.handshakes == []


async def test_hs_10_a_refused_dial_is_repeated_with_growing_random_waits(stage: Stage) -> None:
    """A backend that answers 404 is not hammered: each wait is about twice the one before, and left to chance."""
    main = await stage.backend("main")
    main.refuse(404)
    retry = {"first": 1, "factor": 2, "max": 60, "jitter": 0.5}
    backends = {"main": {"retry": retry, "wait": 3600}}
    await stage.gateway(routes=_route("gateway"), backends=backends)
    for number in range(12):
        await stage.station(f"CP{number}")
    await main.expect_handshakes(12 * 3)
    times = [[handshake.at for handshake in main.handshakes if handshake.station == f"CP{n}"] for n in range(12)]
    waits = [_waits(of_one) for of_one in times]
    assert min(first for first, *_ in waits) >= 0.49, "the wait is at least half of what is set"
    assert min(second for _, second, *_ in waits if second) >= 0.99, "the second is twice the first"
    assert min(first for first, *_ in waits) < 0.95, "no wait was shortened by chance"


def _waits(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)] + [0.0, 0.0]


@pytest.mark.parametrize("path", ["///CP1", "/CP1/", "//ocpp//CP1//"])
async def test_hs_11_doubled_and_final_slashes_are_tolerated(stage: Stage, path: str) -> None:
    """Slashes that chargers put in by mistake change nothing."""
    main = await stage.backend("main")
    await stage.gateway()
    assert (await (await stage.raw()).handshake(path)).status_code == 101
    assert [handshake.station for handshake in main.handshakes] == ["CP1"]


async def test_hs_11_doubled_slashes_are_refused_by_setting(stage: Stage) -> None:
    """By setting the path must be as it should be."""
    await stage.backend("main")
    document = stage.configuration()
    document["listen"]["stations"] = [{"url": document["listen"]["stations"][0], "lenient_path": False}]
    await stage.gateway(document)
    assert (await (await stage.raw()).handshake("/CP1/")).status_code in {400, 404}
    assert (await (await stage.raw()).handshake("/CP1")).status_code == 101


async def test_hs_12_a_whole_url_in_the_path_is_mapped_by_an_alias(stage: Stage) -> None:
    """A charger that puts its whole address into the path is known by that path where an alias says so."""
    main = await stage.backend("main")
    await stage.gateway(stations=[{"identity": "CP1", "aliases": ["/ws://host/CP_1/S1"], "route": "main"}])
    assert (await (await stage.raw()).handshake("/ws://host/CP_1/S1")).status_code == 101
    assert [handshake.station for handshake in main.handshakes] == ["CP1"]


async def test_hs_12_without_alias_the_raw_path_is_logged(stage: Stage) -> None:
    """Without the alias such a charger gets 404, and the log shows what it dialled."""
    await stage.backend("main")
    gateway = await stage.gateway(stations=[{"identity": "CP1", "route": "main"}])
    assert (await (await stage.raw()).handshake("/ws://host/CP_1/S1")).status_code == 404
    await gateway.logged("/ws://host/CP_1/S1")


@pytest.mark.parametrize("path", ["/ocpp/", "/ocpp", "/", "/ocpp//"])
async def test_hs_13_an_empty_identity_is_refused(stage: Stage, path: str) -> None:
    """A path without identity is nobody's, even where everybody is let in."""
    main = await stage.backend("main")
    document = stage.configuration()
    document["listen"]["stations"][0] += "/ocpp"
    await stage.gateway(document)
    assert (await (await stage.raw()).handshake(path)).status_code == 404
    assert main.handshakes == []


async def test_hs_14_a_missing_connection_header_is_426_or_tolerated(stage: Stage) -> None:
    """A request without `Connection: Upgrade` is told to upgrade; a listener can be set to take it."""
    await stage.backend("main")
    document = stage.configuration()
    await stage.gateway(document)
    assert (await (await stage.raw()).handshake("/CP1", without=("Connection",))).status_code == 426
    lenient = stage.configuration()
    lenient["listen"]["stations"] = [{"url": lenient["listen"]["stations"][0], "lenient_upgrade": True}]
    await stage.gateway(lenient)
    assert (await (await stage.raw()).handshake("/CP1", without=("Connection",))).status_code == 101


async def test_hs_15_header_names_and_tokens_have_no_case(stage: Stage) -> None:
    """Names and tokens of the handshake are read as HTTP says: in any case, and in lists."""
    await stage.backend("main")
    await stage.gateway()
    raw = await stage.raw()
    assert (await raw.handshake("/CP1", Upgrade="WebSocket", Connection="keep-alive, Upgrade")).status_code == 101
    raw = await stage.raw()
    await raw.send(
        "GET /CP2 HTTP/1.1\nHOST: x\nUPGRADE: WEBSOCKET\nconnection: keep-alive\nconnection: UPGRADE\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\nSEC-WEBSOCKET-VERSION: 13\nsec-websocket-protocol: ocpp1.6"
    )
    response = await raw.response()
    assert response.status_code == 101
    assert response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_16_the_version_belongs_to_the_connection(stage: Stage, admit: str) -> None:
    """A station that probes with 1.6 and comes back with 2.0.1 speaks 2.0.1 from then on, its backend too."""
    main = await stage.backend("main")
    await stage.gateway(routes=_route(admit), protocol={"validation": "strict"})
    probe, link = await stage.meet("CP1", "ocpp1.6")
    await probe.close()
    await link.closed()
    station = await stage.station("CP1", "ocpp2.0.1")
    link = await main.station("CP1")
    assert (station.subprotocol, link.subprotocol) == ("ocpp2.0.1", "ocpp2.0.1")
    main.answers("BootNotification", boot_accepted())
    assert (await station.boot()).payload["status"] == "Accepted"


async def test_hs_17_credentials_must_be_the_stations_own(stage: Stage) -> None:
    """A station that comes with another one's user name is refused with 401, before any backend hears of it."""
    main = await stage.backend("main")
    entries = [
        {"identity": "CP1", "password": "secret-of-cp-one-1", "route": "main"},
        {"identity": "CP2", "password": "secret-of-cp-two-2", "route": "main"},
    ]
    await stage.gateway(stations=entries)
    other = await stage.refused("CP1", headers={"Authorization": basic("CP2", "secret-of-cp-two-2")})
    assert other.status_code == 401
    assert other.headers["WWW-Authenticate"].startswith("Basic")
    assert (await stage.refused("CP1")).status_code == 401
    assert main.handshakes == []
    await stage.station("CP1", headers={"Authorization": basic("CP1", "secret-of-cp-one-1")})


@pytest.mark.parametrize("version", VERSIONS)
async def test_hs_18_compression_is_agreed_to_when_asked_for(stage: Stage, version: str) -> None:
    """Where it is on, a station that asks gets permessage-deflate without context takeover, and is understood."""
    await stage.backend("main")
    await stage.gateway(protocol={"compression": True})
    station, link = await stage.meet("CP1", version, compression=True)
    assert station.response is not None
    agreed = station.response.headers["Sec-WebSocket-Extensions"]
    assert "permessage-deflate" in agreed
    assert "server_no_context_takeover" in agreed
    assert "client_no_context_takeover" in agreed
    for number in range(3):
        call = await station.ask("DataTransfer", {"vendorId": "Finch", "data": f"{number}" * 5000})
        heard = await link.expect("DataTransfer")
        assert heard.payload["data"] == f"{number}" * 5000
        await link.answer(heard, {"status": "Accepted", "data": "y" * 5000})
        assert (await station.expect_result(call)).payload["data"] == "y" * 5000


async def test_hs_18_without_an_offer_or_by_setting_frames_are_plain(stage: Stage) -> None:
    """A station that does not ask gets no compression, and none does where it is switched off."""
    await stage.backend("main")
    off = {"match": "OFF*", "compression": False, "route": "main"}
    await stage.gateway(stations=[off, {"match": "*"}], protocol={"compression": True})
    for identity, asks in (("CP1", False), ("OFF1", True)):
        station, link = await stage.meet(identity, "ocpp2.0.1", compression=asks)
        assert station.response is not None
        assert "Sec-WebSocket-Extensions" not in station.response.headers
        await station.ask("DataTransfer", {"vendorId": "Finch"})
        await link.expect("DataTransfer")


@pytest.mark.parametrize("bits", [9, 10, 15])
async def test_hs_18_window_bits_are_kept_to(stage: Stage, bits: int) -> None:
    """A station with a small window is answered within it, or not compressed at all."""
    main = await stage.backend("main")
    await stage.gateway(protocol={"compression": True})
    raw = await stage.raw()
    offer = f"permessage-deflate; server_max_window_bits={bits}; client_max_window_bits"
    response = await raw.handshake("/CP1", Sec_WebSocket_Extensions=offer)
    assert response.status_code == 101
    agreed = response.headers.get("Sec-WebSocket-Extensions", "")
    if agreed:
        assert f"server_max_window_bits={bits}" in agreed
    payload = '{"data":"' + "".join(chr(97 + i * i % 26) for i in range(4000)) * 2 + '"}'
    (await main.station("CP1")).send(f'[3,"1",{payload}]')
    station = raw.upgraded()
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b'[2,"1","Heartbeat",{}]') + packer.flush(zlib.Z_SYNC_FLUSH)
    if agreed:
        station.write(frame(Opcode.TEXT, packed[:-4], rsv1=True))
    else:
        station.write(frame(Opcode.TEXT, b'[2,"1","Heartbeat",{}]'))
    await station.ping()


async def test_hs_19_compression_without_agreement_closes_with_1002(stage: Stage) -> None:
    """A compressed frame that was not agreed on ends the connection, and the log names the station."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station = await stage.station("CP1")
    station.send_frame(Opcode.TEXT, b"\xf2\x48\xcd\xc9", rsv1=True)
    assert (await station.closed()).code == 1002
    await gateway.logged("CP1", "1002")


@pytest.mark.parametrize("admit", ADMISSION)
async def test_hs_20_the_newest_connection_wins(stage: Stage, admit: str) -> None:
    """A station that comes back takes the place of its old connection, whose late end changes nothing."""
    main = await stage.backend("main")
    gateway = await stage.gateway(routes=_route(admit))
    old, first = await stage.meet("CP1", name="old")
    old.deafen()
    new = await stage.station("CP1", name="new")
    link = first if admit == "gateway" else await main.station("CP1")
    command = await link.ask("ClearCache")
    await new.answer(await new.expect("ClearCache"), {"status": "Accepted"})
    await link.expect_result(command)
    old.hear()
    ending = await old.closed()
    assert ending.code != 1000 or ending.reason, "the old connection is closed with a reason"
    main.answers("Heartbeat", HEARTBEAT)
    await new.call("Heartbeat")
    assert await gateway.metric("voltgate_stations") == 1
    await stage.quiet(new)


async def test_hs_20_a_half_open_connection_does_not_keep_the_newcomer_out(stage: Stage) -> None:
    """A dead socket that nobody closed is replaced like any other, and its late reset changes nothing."""
    await stage.backend("main")
    gateway = await stage.gateway(routes=_route("gateway"))
    old, link = await stage.meet("CP1", name="old")
    old.deafen()
    new = await stage.station("CP1", name="new")
    old.kill()
    link.answers("Heartbeat", HEARTBEAT)
    await new.call("Heartbeat")
    assert await gateway.metric("voltgate_stations") == 1


async def test_hs_21_a_wrong_password_evicts_nobody(stage: Stage) -> None:
    """Somebody who cannot prove to be the station does not take its place."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    await stage.gateway(stations=[{"identity": "CP1", "password": "secret-of-cp-one-1", "route": "main"}])
    station = await stage.station("CP1", headers={"Authorization": basic("CP1", "secret-of-cp-one-1")})
    response = await stage.refused("CP1", headers={"Authorization": basic("CP1", "a wrong password")})
    assert response.status_code == 401
    await station.call("Heartbeat")


async def test_hs_21_a_newcomer_that_the_backend_refuses_evicts_nobody(stage: Stage) -> None:
    """Where the backend checks passwords, its 401 goes to the newcomer and the first connection stays."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    await stage.gateway(routes=_route("backend"))
    station = await stage.station("CP1", headers={"Authorization": basic("CP1", "right")})
    main.refuse(401, headers={"WWW-Authenticate": 'Basic realm="main"'})
    response = await stage.refused("CP1", name="newcomer", headers={"Authorization": basic("CP1", "wrong")})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="main"'
    assert [handshake.headers["Authorization"] for handshake in main.handshakes] == [
        basic("CP1", "right"),
        basic("CP1", "wrong"),
    ]
    await station.call("Heartbeat")
