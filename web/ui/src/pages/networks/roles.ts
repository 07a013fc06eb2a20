import type { Role } from "../../api/me";

const RANK: readonly Role[] = ["viewer", "operator", "admin"];

/** Somebody with a role in a network; `isEverywhere`: it is one in all networks. */
export interface Person {
  login: string;
  person: string;
  role: Role;
  isEverywhere: boolean;
}

interface User {
  login: string;
  person: string;
  roles: Record<string, string>;
}

/** Return who has a role in a network, those who may most first; of two roles the higher one counts. */
export function peopleOf(users: readonly User[], network: string): Person[] {
  const people = users.flatMap(({ login, person, roles }) => {
    const [here, everywhere] = [rank(roles[network]), rank(roles["*"])];
    const role = RANK[Math.max(here, everywhere)];
    return role === undefined ? [] : [{ login, person, role, isEverywhere: everywhere >= here }];
  });
  return people.sort((a, b) => rank(b.role) - rank(a.role) || a.login.localeCompare(b.login));
}

function rank(role: string | undefined): number {
  return RANK.findIndex((known) => known === role);
}
