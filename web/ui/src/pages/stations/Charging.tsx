import { Button, Code, Stack } from "@mantine/core";
import { IconChartLine } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { mayIn, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { Time } from "../../components/Time";
import { commandAddress } from "./addresses";
import { Details } from "./Details";
import { useText } from "./text";

/** The charging profiles of a station: those set from here, and those that it reported. */
export function Charging({ station }: { station: Schemas["CsmsStationInFull"] }) {
  const text = useText();
  const me = useMe();
  const { identity } = station;
  const list = useOlder<Schemas["CsmsProfile"]>(
    ["csms", "stations", identity, "profiles"],
    (cursor, signal) =>
      result(
        api.GET("/api/v1/csms/stations/{identity}/profiles", {
          params: { path: { identity }, query: { cursor } },
          signal,
        }),
      ),
  );
  const origins: Record<string, string> = text.origins;
  return (
    <Stack gap="sm" align="stretch">
      {mayIn(me, station.network, "operator") && (
        <Button
          component={Link}
          variant="default"
          w="max-content"
          href={commandAddress(identity, "charging-profile-set")}
        >
          {text.setProfile}
        </Button>
      )}
      <OlderTable
        label={text.profiles}
        list={list}
        rowKey={(row) => `${row.origin} ${row.evse} ${row.profile} ${row.purpose}`}
        empty={
          <Empty icon={IconChartLine} title={text.noProfiles}>
            {text.noProfilesHelp}
          </Empty>
        }
        columns={[
          { key: "profile", title: text.profile, width: 120, isNarrow: true, render: (row) => row.profile },
          { key: "evse", title: text.evse, width: 70, render: (row) => row.evse || text.station },
          { key: "purpose", title: text.purpose, width: 180, isNarrow: true, render: (row) => row.purpose },
          { key: "level", title: text.level, width: 70, isNumeric: true, render: (row) => row.stack_level },
          {
            key: "origin",
            title: text.origin,
            width: 120,
            render: (row) => origins[row.origin] ?? row.origin,
          },
          { key: "at", title: text.at, width: 110, render: (row) => <Time at={row.at} /> },
          {
            key: "limits",
            title: text.limits,
            width: 240,
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
    </Stack>
  );
}
