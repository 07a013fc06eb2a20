import { Anchor, List, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, result } from "../../api/client";
import { may, mayIn, useMe } from "../../api/me";
import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import { peopleOf } from "./roles";
import { useText } from "./text";

/** Who may what in a network: administrators see everybody, others themselves. */
export function People({ network }: { network: string }) {
  const text = useText();
  const me = useMe();
  const role = (["admin", "operator", "viewer"] as const).find((each) => mayIn(me, network, each));
  return (
    <Panel
      title={text.people}
      side={
        may(me, "admin") && (
          <Anchor component={Link} href="/users" size="sm">
            {text.toUsers}
          </Anchor>
        )
      }
    >
      {role && (
        <Text size="sm" c="dimmed">
          {text.yourRole(text.role[role])}
        </Text>
      )}
      {may(me, "admin") && <Everybody network={network} />}
    </Panel>
  );
}

function Everybody({ network }: { network: string }) {
  const text = useText();
  const users = useQuery({
    queryKey: ["users", "all"],
    queryFn: () => result(api.GET("/api/v1/users", { params: { query: { limit: 1000 } } })),
  });
  if (users.error !== null) return <Failure error={users.error} retry={() => void users.refetch()} />;
  if (users.data === undefined) return <Skeleton height={20} aria-busy />;
  const people = peopleOf(users.data.items, network);
  if (people.length === 0) return <Text size="sm">{text.nobody}</Text>;
  return (
    <List size="sm" mt="xs">
      {people.map(({ login, person, role, isEverywhere }) => (
        <List.Item key={login}>
          <Text span size="sm" fw={550}>
            {person || login}
          </Text>{" "}
          {text.role[role]}, {isEverywhere ? text.everywhere : text.here}
        </List.Item>
      ))}
    </List>
  );
}
