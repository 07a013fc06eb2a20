import { describe, expect, it, test } from "vitest";

import { dangerOf, endedBy, known, menuOf, PLAIN } from "./commands";

describe("what can be told to a station", () => {
  it("is told by the management system where the station is one of its own", () => {
    const menu = menuOf(false, ["reset", "cost"], ["Reset", "ClearCache"]);
    expect(menu.plain.map((choice) => [choice.key, choice.way])).toEqual([["reset", "command"]]);
    expect(menu.commands.map((choice) => choice.target)).toEqual(["cost"]);
    expect(menu.calls.map((choice) => choice.target)).toEqual(["Reset", "ClearCache"]);
  });

  it("is a call of its version elsewhere", () => {
    const calls = (isModern: boolean, action: string) => menuOf(isModern, undefined, [action]).plain;
    expect(calls(false, "RemoteStartTransaction")[0]).toMatchObject({ key: "start", way: "call" });
    expect(calls(true, "RequestStartTransaction")[0]).toMatchObject({ key: "start", way: "call" });
    expect(calls(true, "RemoteStartTransaction")).toEqual([]);
    expect(menuOf(true, undefined, undefined).plain).toEqual([]);
  });

  it("has each plain command once", () => {
    expect(new Set(PLAIN.map((plain) => plain.name)).size).toBe(PLAIN.length);
  });
});

describe("danger", () => {
  it("is a restart that ends what charges", () => {
    expect(dangerOf("reset", { kind: "hard" }, true)).toBe("restart");
    expect(dangerOf("Reset", { type: "Soft" }, true)).toBe("restart");
    expect(dangerOf("reset", {}, true)).toBe("restart");
    expect(dangerOf("reset", {}, false)).toBeUndefined();
    expect(dangerOf("Reset", { type: "OnIdle" }, true)).toBeUndefined();
    expect(dangerOf("reset", { kind: "on-idle" }, true)).toBeUndefined();
  });

  it.each([
    ["unlock", "unlock", "UnlockConnector"],
    ["firmware", "firmware", "UpdateFirmware"],
    ["firmware", "firmware", "SignedUpdateFirmware"],
    ["firmware", "firmware-publish", "PublishFirmware"],
    ["cutOff", "network-profile", "SetNetworkProfile"],
    ["cutOff", "certificate-delete", "DeleteCertificate"],
  ])("is %s, always, by the management system or as a call", (danger, command, action) => {
    expect([dangerOf(command, {}, false), dangerOf(action, {}, false)]).toEqual([danger, danger]);
    expect(dangerOf("clear-cache", {}, true)).toBeUndefined();
  });
});

test("a cable that is let go ends what charges at its connector, everything else all that runs", () => {
  const [one, two, unknown] = [{ connector: 1 }, { connector: 2 }, { connector: null }];
  const running = [one, two, unknown];
  expect(endedBy("unlock", { connectorId: 2 }, running)).toEqual([two, unknown]);
  expect(endedBy("unlock", { evse: 1, connector: 1 }, running)).toEqual([one, unknown]);
  expect(endedBy("unlock", {}, running)).toEqual(running);
  expect(endedBy("unlock", { connectorId: 0 }, running)).toEqual(running);
  expect(endedBy("restart", { evseId: 1 }, running)).toEqual(running);
});

describe("what is known before", () => {
  it("is the only transaction that runs, as the version names it", () => {
    expect(known("stop", ["77"], 5)).toEqual({ transaction: "77" });
    expect(known("RemoteStopTransaction", ["77"], 5)).toEqual({ transactionId: 77 });
    expect(known("RemoteStopTransaction", ["x"], 5)).toEqual({});
    expect(known("RemoteStopTransaction", ["77.5"], 5)).toEqual({});
    expect(known("RequestStopTransaction", ["T1"], 5)).toEqual({ transactionId: "T1" });
    expect(known("stop", ["1", "2"], 5)).toEqual({});
    expect(known("RemoteStopTransaction", ["9007199254740993"], 5)).toEqual({});
  });

  it("is a fresh number", () => {
    expect(known("RequestStartTransaction", [], 5)).toEqual({ remoteStartId: 5 });
    for (const action of ["GetLog", "UpdateFirmware", "GetBaseReport", "GetReport"]) {
      expect(known(action, [], 5), action).toEqual({ requestId: 5 });
    }
    expect(known("Reset", [], 5)).toEqual({});
  });
});
