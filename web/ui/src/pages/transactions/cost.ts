/** One part of a cost: `quantity / per * price`, before it is rounded. Energy is in Wh, times are in seconds. */
export interface Line {
  kind: string;
  quantity: number;
  per: number;
  price: number;
  amount: string;
}

/** What a cost was computed from. */
export interface Account {
  tariff: string;
  version: number | null;
  currency: string;
  lines: Line[];
  /** What was not known, and not charged: `energy`, `time`. */
  unknown: string[];
}

/** Return what a transaction's cost was computed from; null where no tariff was in force. */
export function accountOf(document: unknown): Account | null {
  const account = members(document);
  const cost = members(account.cost);
  if (typeof cost.tariff !== "string") return null;
  return {
    tariff: cost.tariff,
    version: typeof cost.version === "number" ? cost.version : null,
    currency: String(cost.currency),
    lines: list(cost.lines).map(lineOf),
    unknown: list(account.unknown).map(String),
  };
}

function lineOf(document: unknown): Line {
  const { kind, quantity, per, price, amount } = members(document);
  return {
    kind: String(kind),
    quantity: Number(quantity),
    per: Number(per),
    price: Number(price),
    amount: String(amount),
  };
}

function members(document: unknown): Record<string, unknown> {
  return typeof document === "object" && document !== null ? (document as Record<string, unknown>) : {};
}

function list(document: unknown): unknown[] {
  return Array.isArray(document) ? document : [];
}
