import { isNumber } from "../form/shape";

/** A command in plain words, and the calls that are it for a station that the management system does not know. */
export interface Plain {
  /** As `GET /commands` calls it. */
  name: string;
  /** The actions of 1.x and of 2.x; undefined: there is no single one. */
  actions: readonly [old: string | undefined, modern: string | undefined];
  /** Fields that are shown at once, beside those that must be filled in. */
  first: readonly string[];
}

/** What operators do all day, in the order in which it is offered. */
export const PLAIN: readonly Plain[] = [
  {
    name: "start",
    actions: ["RemoteStartTransaction", "RequestStartTransaction"],
    first: ["token", "evse", "connectorId", "evseId"],
  },
  { name: "stop", actions: ["RemoteStopTransaction", "RequestStopTransaction"], first: [] },
  { name: "unlock", actions: ["UnlockConnector", "UnlockConnector"], first: ["connector"] },
  { name: "reset", actions: ["Reset", "Reset"], first: ["kind", "evse", "evseId"] },
  {
    name: "availability",
    actions: ["ChangeAvailability", "ChangeAvailability"],
    first: ["evse", "connector"],
  },
  {
    name: "trigger",
    actions: ["TriggerMessage", "TriggerMessage"],
    first: ["evse", "connectorId"],
  },
  { name: "configuration-get", actions: ["GetConfiguration", "GetVariables"], first: ["settings", "key"] },
  { name: "configuration-set", actions: ["ChangeConfiguration", "SetVariables"], first: [] },
  { name: "limit", actions: [undefined, undefined], first: ["limit", "unit", "evse", "seconds"] },
  { name: "reserve", actions: ["ReserveNow", "ReserveNow"], first: ["evse", "evseId"] },
  { name: "cancel-reservation", actions: ["CancelReservation", "CancelReservation"], first: [] },
  { name: "charging-profile-set", actions: ["SetChargingProfile", "SetChargingProfile"], first: ["evse"] },
  { name: "clear-cache", actions: ["ClearCache", "ClearCache"], first: [] },
  { name: "logs", actions: ["GetDiagnostics", "GetLog"], first: ["kind", "since", "until"] },
  { name: "firmware", actions: ["UpdateFirmware", "UpdateFirmware"], first: ["retrieve", "install"] },
];

/** Something that can be told to a station: `reset` by the management system, or the call `Reset` as it is. */
export interface Choice {
  /** What stands in the address. */
  key: string;
  way: "command" | "call";
  /** The name of the command, or the action. */
  target: string;
  first: readonly string[];
}

export interface Menu {
  plain: Choice[];
  commands: Choice[];
  calls: Choice[];
}

/** Return what can be told to a station: by the management system where it is one of its own, and by calls. */
export function menuOf(
  isModern: boolean,
  commands: readonly string[] | undefined,
  actions: readonly string[] | undefined,
): Menu {
  const names = PLAIN.map((plain) => plain.name);
  const plain = PLAIN.flatMap(({ name, actions: pair, first }): Choice[] => {
    if (commands?.includes(name)) return [{ key: name, way: "command", target: name, first }];
    const action = pair[isModern ? 1 : 0];
    if (commands !== undefined || action === undefined || !actions?.includes(action)) return [];
    return [{ key: name, way: "call", target: action, first }];
  });
  const others = (commands ?? []).filter((name) => !names.includes(name));
  return {
    plain,
    commands: others.map((name) => ({ key: name, way: "command", target: name, first: [] })),
    calls: (actions ?? []).map((name) => ({ key: name, way: "call", target: name, first: [] })),
  };
}

/** What may happen that nobody can take back. */
export type Danger = "restart" | "unlock" | "firmware" | "cutOff";

const DANGERS: Record<string, Danger> = {
  reset: "restart",
  Reset: "restart",
  unlock: "unlock",
  UnlockConnector: "unlock",
  firmware: "firmware",
  UpdateFirmware: "firmware",
  SignedUpdateFirmware: "firmware",
  "firmware-publish": "firmware",
  PublishFirmware: "firmware",
  "network-profile": "cutOff",
  SetNetworkProfile: "cutOff",
  "certificate-delete": "cutOff",
  DeleteCertificate: "cutOff",
};

/** Kinds of a reset that end no transaction. */
const PATIENT = ["on-idle", "OnIdle", "resume", "ImmediateAndResume"];

/**
 * Return the danger of telling a station something; undefined: there is none. `isCharging`: whether a transaction may run at
 * it; a restart is dangerous only then.
 */
export function dangerOf(target: string, fields: unknown, isCharging: boolean): Danger | undefined {
  const danger = DANGERS[target];
  if (danger !== "restart") return danger;
  const said = fields as { kind?: unknown; type?: unknown };
  return isCharging && !PATIENT.includes(String(said.kind ?? said.type)) ? danger : undefined;
}

/** Return the transactions that something dangerous may end: letting a cable go ends those at its connector, if one is named. */
export function endedBy<T extends { connector: number | null }>(
  danger: Danger,
  fields: unknown,
  running: readonly T[],
): T[] {
  const { evse, evseId, connectorId } = fields as Record<string, unknown>;
  const named = evse ?? evseId ?? connectorId;
  const isMeant = ({ connector }: T) => connector === null || connector === named;
  return running.filter((each) => danger !== "unlock" || !named || isMeant(each));
}

/** Return the fields of a call that are known before anybody fills them in. */
export function known(action: string, running: readonly string[], fresh: number): Record<string, unknown> {
  const [only] = running.length === 1 ? running : [];
  switch (action) {
    case "stop":
      return only === undefined ? {} : { transaction: only };
    case "RequestStopTransaction":
      return only === undefined ? {} : { transactionId: only };
    case "RemoteStopTransaction":
      return only === undefined || !isNumber(only, true) ? {} : { transactionId: Number(only) };
    case "RequestStartTransaction":
      return { remoteStartId: fresh };
    case "GetLog":
    case "UpdateFirmware":
    case "GetBaseReport":
    case "GetReport":
      return { requestId: fresh };
    default:
      return {};
  }
}
