/** A rule as the API shows it: as it is configured, without what was left out. */
export type Rule = Record<string, unknown>;

const CONDITIONS = [
  "actions",
  "stations",
  "tags",
  "claimed_by",
  "tokens",
  "token_groups",
  "token_types",
  "connectors",
] as const;

export interface Condition {
  key: (typeof CONDITIONS)[number];
  values: string[];
}

/** Return what a call must be like to meet a rule; none: every call does. */
export function conditionsOf(rule: Rule): Condition[] {
  return CONDITIONS.map((key) => ({ key, values: words(rule[key]) })).filter(
    ({ key, values }) => values.length > 0 && !(values.length === 1 && values[0] === "*" && key !== "tokens"),
  );
}

/** Who answers: the first that is there, or by chance with a share of the stations each. */
export interface Answer {
  names: string[];
  /** Percent of the stations, where backends share them; else they are in order of failover. */
  shares: number[] | null;
}

export function answerOf(rule: Rule): Answer {
  const { answer } = rule;
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
    return { names: words(answer), shares: null };
  }
  const weights = Object.entries(answer as Record<string, number>);
  const sum = weights.reduce((all, [, weight]) => all + weight, 0);
  return {
    names: weights.map(([name]) => name),
    shares: weights.map(([, weight]) => (100 * weight) / sum),
  };
}

/** Return a key of a rule as a list of words, whether one or several are written. */
export function words(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map(String);
}
