import type { Role } from "../../api/me";

export const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

/** What stands for all networks, and for what belongs to none. */
export const EVERYWHERE = "*";

/** A row of the form: a role in a network. */
export interface InNetwork {
  network: string;
  role: Role;
}

/** Return a user's roles as a form has them: the one everywhere, and those in single networks. */
export function rowsOf(roles: Record<string, string>): { everywhere: Role | null; networks: InNetwork[] } {
  const known = Object.entries(roles).flatMap(([network, name]) => {
    const role = ROLES.find((one) => one === name);
    return role === undefined ? [] : [{ network, role }];
  });
  return {
    everywhere: known.find((row) => row.network === EVERYWHERE)?.role ?? null,
    networks: known.filter((row) => row.network !== EVERYWHERE),
  };
}

/** Return what a form says as the API takes it; rows without a network are left out. */
export function rolesOf(everywhere: Role | null, networks: readonly InNetwork[]): Record<string, Role> {
  const named = networks.map(({ network, role }) => [network.trim(), role] as const);
  return {
    ...(everywhere === null ? {} : { [EVERYWHERE]: everywhere }),
    ...Object.fromEntries(named.filter(([network]) => network !== "")),
  };
}
