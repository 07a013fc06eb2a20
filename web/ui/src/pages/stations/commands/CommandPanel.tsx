import { Alert, Grid, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconCommand, IconLock, IconPlugConnectedX } from "@tabler/icons-react";
import { useState } from "react";

import { api, result, type Schemas } from "../../../api/client";
import { may, mayIn, useMe } from "../../../api/me";
import { menuOf } from "../../../components/commands/commands";
import { useCommands } from "../../../components/commands/useCommands";
import { Empty } from "../../../components/Empty";
import { Failure } from "../../../components/Failure";
import { useParameters } from "../../../lib/location";
import { type Version, versionOf } from "../../../lib/versions";
import { CommandMenu } from "./CommandMenu";
import { Tell } from "./Tell";
import { useCommandText } from "./text";

/** A station as far as it can be told something. */
export interface Told {
  identity: string;
  /** `ocpp1.6`: what it speaks, or spoke last. */
  version: Version;
  isConnected: boolean;
  transactions: (Pick<Schemas["Transaction"], "id" | "connector"> & { began: string | null })[];
}

/** What a station can be told: all of it, a form for what is chosen, and what came of it. */
export function CommandPanel({
  station,
  kept,
}: {
  station: Schemas["StationInFull"] | undefined;
  kept: Schemas["CsmsStationInFull"] | null;
}) {
  const text = useCommandText();
  const me = useMe();
  const mayCall = may(me, "operator");
  const mayTell = kept !== null && mayIn(me, kept.network, "operator");
  const spoken = versionOf(station?.version ?? kept?.version);
  const [last, setLast] = useState(spoken);
  if (spoken !== undefined && spoken !== last) setLast(spoken);
  const version = spoken ?? last; // one that goes away leaves the form as it was filled in
  const running = useRunning(kept?.identity, may(me, "viewer"));
  if (!mayCall && !mayTell) {
    return (
      <Empty icon={IconLock} title={text.role}>
        {text.roleHelp}
      </Empty>
    );
  }
  if (version === undefined) {
    return (
      <Empty icon={IconPlugConnectedX} title={text.choose}>
        {text.neverSeen}
      </Empty>
    );
  }
  const transactions = station?.session?.transactions ?? running.data ?? [];
  if (running.isLoading) return <Skeleton height={300} aria-busy />;
  const told = {
    identity: station?.identity ?? kept?.identity ?? "",
    version,
    isConnected: station?.connected ?? kept?.connected ?? false,
    transactions,
  };
  return (
    <Stack>
      {!told.isConnected && (
        <Alert color="orange" variant="outline" role="status">
          {text.away}
        </Alert>
      )}
      {kept?.told === "Rejected" && told.isConnected && (
        <Alert color="orange" variant="outline" role="status">
          {text.rejected}
        </Alert>
      )}
      <Chosen station={told} mayCall={mayCall} mayTell={mayTell} />
    </Stack>
  );
}

/** What runs at a station by the management system, for those who are not shown its session. */
function useRunning(identity: string | undefined, seesSession: boolean) {
  return useQuery({
    queryKey: ["transactions", "running", identity],
    queryFn: async (): Promise<Told["transactions"]> => {
      const query = { station: identity, state: "running" as const };
      const { items } = await result(api.GET("/api/v1/transactions", { params: { query } }));
      return items.map(({ transaction_id, evse, began }) => ({ id: transaction_id, connector: evse, began }));
    },
    enabled: identity !== undefined && !seesSession,
    refetchInterval: 10_000,
  });
}

function Chosen({ station, mayCall, mayTell }: { station: Told; mayCall: boolean; mayTell: boolean }) {
  const text = useCommandText();
  const [parameters] = useParameters();
  const commands = useCommands(mayTell);
  const actions = useQuery({
    queryKey: ["actions", station.version],
    queryFn: () => result(api.GET("/api/v1/actions", { params: { query: { version: station.version } } })),
    staleTime: Infinity,
    enabled: mayCall,
  });
  const error = commands.error ?? actions.error;
  if (error !== null) {
    return (
      <Failure
        error={error}
        retry={() => {
          void commands.refetch();
          void actions.refetch();
        }}
      />
    );
  }
  if (commands.isLoading || actions.isLoading) return <Skeleton height={300} aria-busy />;
  const spoken = station.version === "ocpp2.0" ? "ocpp2.0.1" : station.version;
  const own = commands.data?.filter((each) => each.versions.includes(spoken));
  const menu = menuOf(
    station.version.startsWith("ocpp2"),
    own?.map((each) => each.name),
    actions.data?.items,
  );
  const key = parameters.command;
  const choice = [menu.plain, menu.commands, menu.calls].flat().find((each) => each.key === key);
  return (
    <Grid>
      <Grid.Col span={{ base: 12, md: 4, lg: 3 }} order={{ base: choice ? 2 : 1, md: 1 }}>
        <CommandMenu menu={menu} chosen={choice?.key} version={station.version} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 8, lg: 9 }} order={{ base: 1, md: 2 }}>
        {choice ? (
          <Tell
            key={choice.key}
            station={station}
            choice={choice}
            parameters={
              own?.find((each) => choice.way === "command" && each.name === choice.target)?.parameters
            }
          />
        ) : (
          <Empty icon={IconCommand} title={key ? text.unknown(key) : text.choose}>
            {key && text.unknownHelp}
          </Empty>
        )}
      </Grid.Col>
    </Grid>
  );
}
