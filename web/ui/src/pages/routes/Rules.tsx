import { Skeleton, Stack, Text } from "@mantine/core";
import { IconArrowsSplit } from "@tabler/icons-react";

import { useRoutes } from "../../api/lists";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import { RuleTable } from "./RuleTable";
import { useText } from "./text";
import { useMatch, Which } from "./Which";

/** All routes as they are in force, and the question which rule would decide. */
export function Rules() {
  const text = useText();
  const match = useMatch();
  const routes = useRoutes();
  if (routes.error) return <Failure error={routes.error} retry={() => void routes.refetch()} />;
  if (routes.data === undefined) return <Skeleton height={240} aria-busy />;
  if (routes.data.items.length === 0) {
    return (
      <Empty icon={IconArrowsSplit} title={text.none}>
        {text.noneHelp}
      </Empty>
    );
  }
  return (
    <Stack>
      <Which match={match} />
      {routes.data.items.map((route) => (
        <Panel
          key={route.name}
          title={route.name}
          padded={false}
          side={
            <Text size="sm" c="dimmed">
              {text.admit[route.admit]}
            </Text>
          }
        >
          <RuleTable
            route={route.name}
            rules={route.rules}
            decides={match.data?.route === route.name ? match.data.rule : null}
          />
        </Panel>
      ))}
    </Stack>
  );
}
