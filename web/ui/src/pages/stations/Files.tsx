import { Anchor, Button, Code, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconCertificate, IconFileText } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, base, result, type Schemas } from "../../api/client";
import { mayIn, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { State } from "../../components/State";
import { ListTable, OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { commandAddress } from "./addresses";
import { Details } from "./Details";
import { useText } from "./text";

/** What a station has brought, and the certificates that it asks for. */
export function Files({ station }: { station: Schemas["CsmsStationInFull"] }) {
  const text = useText();
  const me = useMe();
  return (
    <Stack>
      <Title order={2} size="h4">
        {text.uploads}
      </Title>
      {mayIn(me, station.network, "operator") ? (
        <Uploads identity={station.identity} />
      ) : (
        <Text size="sm" c="dimmed">
          {text.uploadsRole}
        </Text>
      )}
      <Title order={2} size="h4">
        {text.certificates}
      </Title>
      <Certificates identity={station.identity} />
    </Stack>
  );
}

function Uploads({ identity }: { identity: string }) {
  const text = useText();
  const format = useFormat();
  const uploads = useQuery({
    queryKey: ["csms", "stations", identity, "uploads"],
    queryFn: () =>
      result(api.GET("/api/v1/csms/stations/{identity}/uploads", { params: { path: { identity } } })),
    refetchInterval: 10_000,
  });
  if (uploads.error instanceof Problem && uploads.error.status === 409) {
    return (
      <Text size="sm" c="dimmed">
        {text.uploadsNotTaken}
      </Text>
    );
  }
  if (uploads.error !== null) return <Failure error={uploads.error} retry={() => void uploads.refetch()} />;
  if (uploads.data === undefined) return <Skeleton height={120} aria-busy />;
  const ask = (
    <Button component={Link} variant="default" w="max-content" href={commandAddress(identity, "logs")}>
      {text.fetchLogs}
    </Button>
  );
  return (
    <Stack gap="sm">
      {uploads.data.items.length > 0 && ask}
      <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
        {uploads.data.items.length === 0 ? (
          <Empty icon={IconFileText} title={text.noUploads}>
            {text.noUploadsHelp}
            <br />
            {ask}
          </Empty>
        ) : (
          <ListTable
            label={text.uploads}
            rows={uploads.data.items}
            rowKey={(row) => row.id}
            columns={[
              {
                key: "asked",
                title: text.asked,
                width: 110,
                isNarrow: true,
                render: (row) => <Time at={row.asked} />,
              },
              { key: "about", title: text.about, width: 160, render: (row) => row.about },
              {
                key: "received",
                title: text.received,
                width: 160,
                isNarrow: true,
                render: (row) =>
                  row.received === null ? (
                    <>
                      {text.expected} <Time at={row.expires} />
                    </>
                  ) : (
                    <Time at={row.received} />
                  ),
              },
              {
                key: "size",
                title: text.size,
                width: 110,
                isNumeric: true,
                render: (row) => row.size !== null && format.bytes(row.size),
              },
              {
                key: "download",
                title: "",
                width: 120,
                isNarrow: true,
                render: (row) =>
                  row.received !== null && (
                    <Anchor
                      size="sm"
                      download
                      href={`${base}/api/v1/csms/stations/${encodeURIComponent(identity)}/uploads/${encodeURIComponent(row.id)}`}
                    >
                      {text.download}
                    </Anchor>
                  ),
              },
            ]}
          />
        )}
      </Paper>
    </Stack>
  );
}

function Certificates({ identity }: { identity: string }) {
  const text = useText();
  const list = useOlder<Schemas["CertificateAsked"]>(
    ["csms", "stations", identity, "certificates"],
    (cursor, signal) =>
      result(
        api.GET("/api/v1/csms/stations/{identity}/certificates", {
          params: { path: { identity }, query: { cursor } },
          signal,
        }),
      ),
  );
  return (
    <OlderTable
      label={text.certificates}
      list={list}
      rowKey={(row) => `${row.number}`}
      empty={
        <Empty icon={IconCertificate} title={text.noCertificates}>
          {text.noCertificatesHelp}
        </Empty>
      }
      columns={[
        { key: "at", title: text.at, width: 110, isNarrow: true, render: (row) => <Time at={row.at} /> },
        { key: "number", title: text.number, width: 90, render: (row) => row.number },
        { key: "kind", title: text.kind, width: 220, render: (row) => row.kind },
        {
          key: "status",
          title: text.status,
          width: 110,
          isNarrow: true,
          render: (row) =>
            row.status === "signed" ? (
              <State mood="good">{text.signedState}</State>
            ) : (
              <State mood="warning">{row.status === "waiting" ? text.waitingState : row.status}</State>
            ),
        },
        {
          key: "csr",
          title: text.details,
          width: 300,
          isNarrow: true,
          render: (row) => (
            <Details>
              <Code block tabIndex={0}>
                {[row.csr, row.chain].filter(Boolean).join("\n\n")}
              </Code>
            </Details>
          ),
        },
      ]}
    />
  );
}
