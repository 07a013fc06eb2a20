import { describe, expect, it } from "vitest";

import {
  addressed,
  beginning,
  completed,
  filledIn,
  mistakesIn,
  readJson,
  resolved,
  type Schema,
  shapeOf,
  Unread,
  withMember,
} from "./shape";

const RESERVE: Schema = {
  type: "object",
  definitions: {
    Type: { type: "string", enum: ["Central", "eMAID"] },
    IdToken: {
      type: "object",
      properties: {
        customData: { type: "object" },
        idToken: { type: "string", maxLength: 5 },
        type: { $ref: "#/definitions/Type" },
        more: { type: "array", items: { $ref: "#/definitions/IdToken" }, minItems: 1, maxItems: 2 },
      },
      required: ["idToken", "type"],
    },
  },
  properties: {
    evseId: { type: "integer", minimum: 0 },
    id: { type: "integer", description: "Its number" },
    expires: { type: "string", format: "date-time" },
    idToken: { $ref: "#/definitions/IdToken" },
  },
  required: ["id", "expires", "idToken"],
};

describe("the shape of a schema", () => {
  it("has the fields that must be there first, and those of makers last", () => {
    const shape = shapeOf(RESERVE, RESERVE);
    if (shape.kind !== "object") throw new Error(shape.kind);
    expect(shape.fields.map((field) => field.name)).toEqual(["id", "expires", "idToken", "evseId"]);
    const token = shapeOf({ $ref: "#/definitions/IdToken" }, RESERVE);
    expect(token.kind === "object" && token.fields.map((field) => field.name)).toEqual([
      "idToken",
      "type",
      "more",
      "customData",
    ]);
  });

  it("says of a field what stands where it is used, and how numbers go on", () => {
    const named = { $ref: "#/definitions/IdToken", description: "Who charges" };
    expect(resolved(named, RESERVE)).toMatchObject({ type: "object", description: "Who charges" });
    const steps = [{ type: "integer" }, { type: "number" }, { type: "number", multipleOf: 0.01 }];
    expect(steps.map((each) => shapeOf(each, each))).toMatchObject([
      { step: 1 },
      { step: 0.1 },
      { step: 0.01 },
    ]);
  });

  it("is that of what may stand there, null left aside", () => {
    const maybe = { anyOf: [{ type: "integer", maximum: 3 }, { type: "null" }] };
    expect(shapeOf(maybe, maybe)).toMatchObject({ kind: "number", isWhole: true, most: 3 });
    const words = { anyOf: [{ enum: ["A"] }, { enum: ["B"] }] };
    expect(shapeOf(words, words)).toEqual({ kind: "choice", values: ["A", "B"] });
    expect(shapeOf({}, {})).toEqual({ kind: "json" });
    expect(shapeOf({ enum: ["", "x"] }, {})).toEqual({ kind: "choice", values: ["x"] });
  });
});

describe("a form", () => {
  it("begins with what must be there", () => {
    expect(beginning(RESERVE)).toEqual({
      id: undefined,
      expires: undefined,
      idToken: { idToken: undefined },
    });
    expect(beginning({ type: "array", minItems: 1, items: { type: "object", properties: {} } })).toEqual([
      {},
    ]);
  });

  it("chooses where there is no choice", () => {
    expect(beginning({ enum: ["Only"] })).toBe("Only");
    expect(beginning({ enum: ["One", "Other"] })).toBeUndefined();
  });

  it("changes one member, and forgets one that is taken back", () => {
    expect(withMember({ a: 1 }, "b", 2)).toEqual({ a: 1, b: 2 });
    expect(Object.keys(withMember({ a: 1, b: 2 }, "b", undefined))).toEqual(["a"]);
    expect(withMember(undefined, "a", 1)).toEqual({ a: 1 });
  });

  it("sends nothing that was not filled in", () => {
    const text: Schema = { type: "string" };
    const schema: Schema = {
      type: "object",
      properties: {
        a: text,
        b: { type: "array", items: text },
        c: { type: "object", properties: { d: text } },
        e: { type: "integer" },
        f: { type: "boolean" },
        g: {},
      },
    };
    const filled = { a: "", b: [undefined, "x"], c: { d: undefined }, e: 0, f: false };
    expect(filledIn(filled, schema)).toEqual({ b: ["x"], c: {}, e: 0, f: false });
    const written = { empty: "", none: null, list: ["", null] };
    expect(filledIn({ a: "x", g: written }, schema)).toEqual({ a: "x", g: written });
  });

  it("says what is wrong, and where", () => {
    const value = {
      id: 1.5,
      evseId: -1,
      idToken: { idToken: "123456", type: "Other", more: [], customData: new Unread("{") },
    };
    expect(mistakesIn(value, RESERVE)).toEqual([
      { path: "/id", kind: "type" },
      { path: "/expires", kind: "required" },
      { path: "/idToken/idToken", kind: "length" },
      { path: "/idToken/type", kind: "choice" },
      { path: "/idToken/more", kind: "required" },
      { path: "/idToken/customData", kind: "json" },
      { path: "/evseId", kind: "bounds" },
    ]);
    const bounds: Schema = {
      type: "object",
      properties: {
        level: { type: "integer", maximum: 9 },
        word: { type: "string", minLength: 2 },
        list: { type: "array", maxItems: 1, items: { type: "integer" } },
      },
    };
    expect(mistakesIn({ level: 10, word: "a", list: [1, 2] }, bounds)).toEqual([
      { path: "/level", kind: "bounds" },
      { path: "/word", kind: "length" },
      { path: "/list", kind: "length" },
    ]);
    expect(mistakesIn({ level: 9, word: "ab", list: [0.5] }, bounds)).toEqual([
      { path: "/list/0", kind: "type" },
    ]);
    const right = { id: 1, expires: "2026-11-22T08:00:00Z", idToken: { idToken: "1", type: "eMAID" } };
    expect(mistakesIn(right, RESERVE)).toEqual([]);
  });

  it("says null where something must be said, and that is something", () => {
    const limit: Schema = {
      type: "object",
      properties: { limit: { anyOf: [{ type: "number" }, { type: "null" }] }, unit: { enum: ["A"] } },
      required: ["limit", "unit"],
    };
    expect(mistakesIn({ unit: "A" }, limit)).toEqual([]);
    expect(completed({ unit: "A" }, limit)).toEqual({ unit: "A", limit: null });
    expect(completed({ unit: "A", limit: 16 }, limit)).toEqual({ unit: "A", limit: 16 });
  });

  it("reads JSON where there is no other field", () => {
    expect(readJson(" ")).toBeUndefined();
    expect(readJson('{"a": 1}')).toEqual({ a: 1 });
    expect(readJson("{")).toBeInstanceOf(Unread);
  });
});

describe("addressed", () => {
  const fields: Schema = {
    type: "object",
    properties: {
      id: { type: "integer" },
      token: { type: "string" },
      until: { type: "string", format: "date-time" },
      kind: { enum: ["Hard", "Soft"] },
      isForced: { type: "boolean" },
      list: { type: "array", items: { type: "string" } },
    },
  };

  it("gives what stands in the address", () => {
    const texts = { id: "7", token: "04A2", until: "2026-11-21T08:00:00Z", kind: "Soft", isForced: "true" };
    const found = addressed(fields, { ...texts, command: "reset" });
    expect(found).toEqual({ ...texts, id: 7, isForced: true });
  });

  it("leaves out what is none of a field, and lists", () => {
    expect(
      addressed(fields, { id: "9007199254740993", until: "soon", kind: "Any", isForced: "1", list: "a" }),
    ).toEqual({});
  });
});
