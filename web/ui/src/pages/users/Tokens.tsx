import { Button, Paper, Skeleton, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import { Failure } from "../../components/Failure";
import { ListTable } from "../../components/table/ListTable";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import { Head } from "./Head";
import { NewToken } from "./NewToken";
import { Once } from "./Once";
import { type UsersText, useText } from "./text";

type Token = Schemas["Token"];

const KEY = ["tokens"];

/** The tokens that are let in: made and revoked here, or written in the configuration. */
export function Tokens() {
  const text = useText();
  const client = useQueryClient();
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<Schemas["Made"] | null>(null);
  const [leaving, setLeaving] = useState<string | null>(null);
  const tokens = useQuery({
    queryKey: KEY,
    queryFn: () => result(api.GET("/api/v1/tokens", { params: { query: { limit: 1000 } } })),
  });
  const revoke = useMutation({
    mutationFn: (name: string) => result(api.DELETE("/api/v1/tokens/{name}", { params: { path: { name } } })),
    onSuccess: async () => {
      setLeaving(null);
      await client.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <>
      <Head part="tokens" add={text.newToken} onAdd={() => setMaking(true)} />
      {tokens.error && <Failure error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.isPending && <Skeleton height={160} aria-busy />}
      {tokens.data && (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          <ListTable
            label={text.tokens}
            columns={columnsOf(text, setLeaving)}
            rows={tokens.data.items}
            rowKey={(token) => `${token.source} ${token.name}`}
          />
        </Paper>
      )}
      {isMaking && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
            void client.invalidateQueries({ queryKey: KEY });
          }}
        />
      )}
      {made && (
        <Once
          title={text.tokenMade(made.name)}
          label={text.token}
          secret={made.token}
          onClose={() => setMade(null)}
        >
          {text.tokenHelp}
        </Once>
      )}
      <Confirm
        title={text.revokeTitle(leaving ?? "")}
        action={text.revokeAction}
        isOpen={leaving !== null}
        isRunning={revoke.isPending}
        error={revoke.error}
        onConfirm={() => leaving !== null && revoke.mutate(leaving)}
        onClose={() => {
          setLeaving(null);
          revoke.reset();
        }}
      >
        {text.revokeHelp}
      </Confirm>
    </>
  );
}

function columnsOf(text: UsersText, revoke: (name: string) => void): Column<Token>[] {
  return [
    { key: "name", title: text.name, width: 180, isNarrow: true, render: (token) => token.name },
    {
      key: "role",
      title: text.tokenRole,
      width: 160,
      isNarrow: true,
      render: (token) =>
        token.role === "backend" ? text.claimsFor(token.backends.join(", ")) : text.role[token.role],
    },
    { key: "source", title: text.source, width: 130, render: (token) => text.sources[token.source] },
    {
      key: "made",
      title: text.made,
      width: 170,
      render: (token) => (
        <>
          {token.at !== null && <Time at={token.at} />}
          {token.by !== null && (
            <Text size="xs" c="dimmed">
              {text.by(token.by)}
            </Text>
          )}
        </>
      ),
    },
    {
      key: "until",
      title: text.ends,
      width: 150,
      render: (token) => (token.until === null ? text.endsIn.never : <Time at={token.until} />),
    },
    {
      key: "used",
      title: text.used,
      width: 150,
      render: (token) => token.used !== null && <Time at={token.used} />,
    },
    {
      key: "actions",
      title: text.actions,
      width: 120,
      isNarrow: true,
      render: (token) =>
        token.source === "api" && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={text.revokeOne(token.name)}
            onClick={() => revoke(token.name)}
          >
            {text.revoke}
          </Button>
        ),
    },
  ];
}
