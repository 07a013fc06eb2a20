import { fromLocal } from "../../lib/localTime";

/** A JSON schema, as far as OCPP's and those of the commands go. */
export interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  type?: string | string[];
  enum?: unknown[];
  format?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  definitions?: Record<string, Schema>;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
}

/** What a field of a form takes. */
export type Shape =
  | { kind: "object"; fields: FieldOf[] }
  | { kind: "list"; items: Schema; least: number; most: number }
  | { kind: "choice"; values: string[] }
  | { kind: "number"; isWhole: boolean; least: number | undefined; most: number | undefined; step: number }
  | { kind: "flag" }
  | { kind: "time" }
  | { kind: "text"; least: number; most: number | undefined }
  | { kind: "json" };

export interface FieldOf {
  name: string;
  schema: Schema;
  isRequired: boolean;
}

/** What is wrong with a value, and where: `/idToken/type`. */
export interface Mistake {
  path: string;
  kind: "required" | "bounds" | "length" | "choice" | "json" | "type";
}

type Members = Record<string, unknown>;

/** From this length on a text is long enough for several lines. */
export const LONG = 500;

/** Return a schema with what it refers to in its place, and of several that it may be the one that a form can ask for. */
export function resolved(schema: Schema, root: Schema): Schema {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return resolved({ ...root.definitions?.[name], ...without(schema, "$ref") }, root);
  }
  if (schema.anyOf === undefined) return schema;
  const several = schema.anyOf.filter((each) => each.type !== "null");
  const own = without(schema, "anyOf");
  const words = several.map((each) => resolved(each, root).enum);
  if (words.every((each) => each !== undefined)) return { ...own, enum: words.flat() };
  return { ...resolved(several[0] ?? {}, root), ...own };
}

/** Return what a field takes. */
export function shapeOf(given: Schema, root: Schema): Shape {
  const schema = resolved(given, root);
  if (schema.enum !== undefined) return { kind: "choice", values: schema.enum.map(String).filter(Boolean) };
  switch (schema.type) {
    case "object":
      return schema.properties === undefined
        ? { kind: "json" }
        : { kind: "object", fields: fieldsOf(schema) };
    case "array":
      return {
        kind: "list",
        items: schema.items ?? {},
        least: schema.minItems ?? 0,
        most: schema.maxItems ?? Infinity,
      };
    case "integer":
    case "number": {
      const isWhole = schema.type === "integer";
      const step = schema.multipleOf ?? (isWhole ? 1 : 0.1);
      return { kind: "number", isWhole, least: schema.minimum, most: schema.maximum, step };
    }
    case "boolean":
      return { kind: "flag" };
    case "string":
      if (schema.format === "date-time") return { kind: "time" };
      return { kind: "text", least: schema.minLength ?? 0, most: schema.maxLength };
    default:
      return { kind: "json" };
  }
}

/** Return the fields of an object: those that must be there first, and what OCPP leaves to makers last. */
function fieldsOf(schema: Schema): FieldOf[] {
  const nulls = nullable(schema);
  const required = (schema.required ?? []).filter((name) => !nulls.includes(name));
  const rank = (field: FieldOf) => (field.name === "customData" ? 2 : field.isRequired ? 0 : 1);
  return Object.entries(schema.properties ?? {})
    .map(([name, each]) => ({ name, schema: each, isRequired: required.includes(name) }))
    .sort((one, other) => rank(one) - rank(other));
}

/** Return the value with which a form begins: only what must be there, as far as there is no choice. */
export function beginning(schema: Schema, root: Schema = schema): unknown {
  const shape = shapeOf(schema, root);
  if (shape.kind === "list") return Array.from({ length: shape.least }, () => beginning(shape.items, root));
  if (shape.kind === "choice") return shape.values.length === 1 ? shape.values[0] : undefined;
  if (shape.kind !== "object") return undefined;
  const needed = shape.fields.filter((field) => field.isRequired);
  return Object.fromEntries(needed.map((field) => [field.name, beginning(field.schema, root)]));
}

/** Return what of a form stands in the address, by the names of its fields: what is simple and at the top. */
export function addressed(schema: Schema, parameters: Record<string, string>): Members {
  const found: Members = {};
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const text = parameters[name];
    if (text === undefined) continue;
    const shape = shapeOf(each, schema);
    if (shape.kind === "text" || (shape.kind === "choice" && shape.values.includes(text))) found[name] = text;
    if (shape.kind === "number" && isNumber(text, shape.isWhole)) found[name] = Number(text);
    if (shape.kind === "flag" && (text === "true" || text === "false")) found[name] = text === "true";
    if (shape.kind === "time") found[name] = fromLocal(text) ?? undefined;
  }
  return found;
}

/** Return whether a text is a number, and one that JavaScript does not change: beyond 2^53 another one would be meant. */
export function isNumber(text: string, isWhole: boolean): boolean {
  const form = isWhole ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/;
  return form.test(text) && Math.abs(Number(text)) <= Number.MAX_SAFE_INTEGER;
}

/** Return a value without what was not filled in: empty texts, and what is undefined. What was written as JSON stays as it is. */
export function filledIn(value: unknown, schema: Schema, root: Schema = schema): unknown {
  const shape = shapeOf(schema, root);
  if (shape.kind === "json") return value;
  if (value === "" || value === null) return undefined;
  if (shape.kind === "list" && Array.isArray(value)) {
    return value.map((each) => filledIn(each, shape.items, root)).filter((each) => each !== undefined);
  }
  if (shape.kind !== "object" || !isObject(value)) return value;
  const members = shape.fields.map(
    ({ name, schema: own }) => [name, filledIn(value[name], own, root)] as const,
  );
  return Object.fromEntries(members.filter(([, each]) => each !== undefined));
}

/** Return a value that is filled in as it is sent: null stands where it may and where something must. */
export function completed(value: unknown, schema: Schema): unknown {
  const nulls = nullable(schema).filter((name) => isObject(value) && value[name] === undefined);
  return isObject(value) ? { ...value, ...Object.fromEntries(nulls.map((name) => [name, null])) } : value;
}

/** Return the members that must be there, if only as null. */
function nullable(schema: Schema): string[] {
  const mayBeNull = (name: string) => schema.properties?.[name]?.anyOf?.some((each) => each.type === "null");
  return (schema.required ?? []).filter(mayBeNull);
}

/** Return what is wrong with a value that is filled in. */
export function mistakesIn(value: unknown, schema: Schema, root: Schema = schema, path = ""): Mistake[] {
  const shape = shapeOf(schema, root);
  const wrong = (kind: Mistake["kind"]): Mistake[] => [{ path, kind }];
  switch (shape.kind) {
    case "object":
      if (!isObject(value)) return wrong("type");
      return shape.fields.flatMap((field) => {
        const [each, place] = [value[field.name], `${path}/${field.name}`];
        if (each === undefined) return field.isRequired ? [{ path: place, kind: "required" as const }] : [];
        return mistakesIn(each, field.schema, root, place);
      });
    case "list":
      if (!Array.isArray(value)) return wrong("type");
      if (value.length < shape.least) return wrong("required");
      if (value.length > shape.most) return wrong("length");
      return value.flatMap((each, place) => mistakesIn(each, shape.items, root, `${path}/${place}`));
    case "number":
      if (typeof value !== "number" || (shape.isWhole && !Number.isSafeInteger(value))) return wrong("type");
      return value < (shape.least ?? -Infinity) || value > (shape.most ?? Infinity) ? wrong("bounds") : [];
    case "text":
      if (typeof value !== "string") return wrong("type");
      return value.length < shape.least || value.length > (shape.most ?? Infinity) ? wrong("length") : [];
    case "choice":
      return shape.values.includes(String(value)) ? [] : wrong("choice");
    case "json":
      return value instanceof Unread ? wrong("json") : [];
    default:
      return [];
  }
}

/** A text that is to be JSON, and is none yet. */
export class Unread {
  constructor(readonly text: string) {}
}

/** Return what a text says as JSON. */
export function readJson(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return new Unread(text);
  }
}

/** Return an object with another member; undefined removes it. */
export function withMember(value: unknown, name: string, member: unknown): Members {
  const others = isObject(value) ? value : {};
  return member === undefined ? without(others, name) : { ...others, [name]: member };
}

export function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Unread);
}

function without<T extends object>(value: T, name: string): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name)) as Partial<T>;
}
