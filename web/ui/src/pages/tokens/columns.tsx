import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time, useNow } from "../../components/Time";
import { TokenActions } from "./TokenActions";
import type { useText } from "./text";

export type IdToken = Schemas["IdToken"];

/** Return the columns of the list of tokens. */
export function columnsOf(text: ReturnType<typeof useText>): Column<IdToken>[] {
  return [
    {
      key: "token",
      title: text.token,
      width: 190,
      isFixed: true,
      render: (row) => (
        <Text span size="sm" fw={550} className="tabular">
          {row.token}
        </Text>
      ),
    },
    {
      key: "status",
      title: text.status,
      width: 120,
      isNarrow: true,
      render: (row) => <Status token={row} text={text} />,
    },
    { key: "holder", title: text.holder, width: 180, render: (row) => row.holder },
    { key: "group", title: text.group, width: 140, render: (row) => row.group },
    {
      key: "network",
      title: text.network,
      width: 120,
      render: (row) => row.network || <Quiet>{text.allNetworks}</Quiet>,
    },
    { key: "type", title: text.type, width: 110, isShown: false, render: (row) => row.type },
    {
      key: "expires",
      title: text.expires,
      width: 130,
      render: (row) => (row.expires === null ? <Quiet>{text.never}</Quiet> : <Time at={row.expires} isDay />),
    },
    {
      key: "concurrent",
      title: text.concurrent,
      width: 110,
      isShown: false,
      isNumeric: true,
      render: (row) => row.concurrent || <Quiet>{text.any}</Quiet>,
    },
    { key: "message", title: text.message, width: 180, isShown: false, render: (row) => row.message },
    {
      key: "actions",
      title: text.actionsColumn,
      width: 90,
      isFixed: true,
      isNumeric: true,
      render: (row) => <TokenActions token={row} />,
    },
  ];
}

function Status({ token, text }: { token: IdToken; text: ReturnType<typeof useText> }) {
  const now = useNow(60_000);
  if (token.status === "Blocked") return <State mood="bad">{text.blocked}</State>;
  const isOver = token.expires !== null && Date.parse(token.expires) <= now;
  return <State mood={isOver ? "warning" : "good"}>{isOver ? text.expired : text.accepted}</State>;
}

function Quiet({ children }: { children: string }) {
  return (
    <Text span size="sm" c="dimmed">
      {children}
    </Text>
  );
}
