import { Code, Stack, Title } from "@mantine/core";
import { IconHistory, IconNotes } from "@tabler/icons-react";

import { api, result, type Schemas } from "../../api/client";
import { Empty } from "../../components/Empty";
import { OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { Time } from "../../components/Time";
import { ConnectorState, useConnectorName } from "./Connectors";
import { Details } from "./Details";
import { useText } from "./text";

/** What the connectors of a station have reported, and what was noted of it, the newest first. */
export function History({ station }: { station: Schemas["CsmsStationInFull"] }) {
  const text = useText();
  return (
    <Stack>
      <Title order={2} size="h4">
        {text.history}
      </Title>
      <Reports identity={station.identity} />
      <Title order={2} size="h4">
        {text.notes}
      </Title>
      <Notes identity={station.identity} />
    </Stack>
  );
}

function Reports({ identity }: { identity: string }) {
  const text = useText();
  const nameOf = useConnectorName();
  const list = useOlder<Schemas["StatusReported"]>(
    ["csms", "stations", identity, "history"],
    (cursor, signal) =>
      result(
        api.GET("/api/v1/csms/stations/{identity}/history", {
          params: { path: { identity }, query: { cursor } },
          signal,
        }),
      ),
  );
  return (
    <OlderTable
      label={text.history}
      list={list}
      rowKey={(row) => `${row.received} ${row.at} ${row.evse} ${row.connector} ${row.status}`}
      empty={
        <Empty icon={IconHistory} title={text.noHistory}>
          {text.noHistoryHelp}
        </Empty>
      }
      columns={[
        { key: "at", title: text.at, width: 110, isNarrow: true, render: (row) => <Time at={row.at} /> },
        { key: "place", title: text.place, width: 130, isNarrow: true, render: nameOf },
        {
          key: "status",
          title: text.status,
          width: 150,
          isNarrow: true,
          render: (row) => <ConnectorState {...row} />,
        },
        { key: "vendor_error", title: text.error, width: 120, render: (row) => row.vendor_error },
        { key: "info", title: text.info, width: 200, render: (row) => row.info },
        { key: "received", title: text.received, width: 110, render: (row) => <Time at={row.received} /> },
      ]}
    />
  );
}

function Notes({ identity }: { identity: string }) {
  const text = useText();
  const list = useOlder<Schemas["NoteTaken"]>(["csms", "stations", identity, "notes"], (cursor, signal) =>
    result(
      api.GET("/api/v1/csms/stations/{identity}/notes", {
        params: { path: { identity }, query: { cursor } },
        signal,
      }),
    ),
  );
  return (
    <OlderTable
      label={text.notes}
      list={list}
      rowKey={(row) => `${row.received} ${row.at} ${row.kind} ${row.about} ${JSON.stringify(row.data)}`}
      empty={
        <Empty icon={IconNotes} title={text.noNotes}>
          {text.noNotesHelp}
        </Empty>
      }
      columns={[
        { key: "at", title: text.at, width: 110, isNarrow: true, render: (row) => <Time at={row.at} /> },
        { key: "kind", title: text.note, width: 190, isNarrow: true, render: (row) => row.kind },
        { key: "about", title: text.about, width: 120, render: (row) => row.about },
        {
          key: "data",
          title: text.details,
          width: 300,
          isNarrow: true,
          render: (row) => (
            <Details>
              <Code block tabIndex={0}>
                {JSON.stringify(row.data, null, 2)}
              </Code>
            </Details>
          ),
        },
      ]}
    />
  );
}
