import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { IconAdjustments } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { mayIn, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { commandAddress } from "./addresses";
import { useText } from "./text";

type Variable = Schemas["CsmsVariable"];

const AT_ONCE = 1000;

/** The keys or variables of a station, as it told them last. */
export function Configuration({ station }: { station: Schemas["CsmsStationInFull"] }) {
  const text = useText();
  const me = useMe();
  const [wanted, setWanted] = useState("");
  const { identity } = station;
  const isOperator = mayIn(me, station.network, "operator");
  const list = useOlder<Variable>(["csms", "stations", identity, "variables"], (cursor, signal) =>
    result(
      api.GET("/api/v1/csms/stations/{identity}/variables", {
        params: { path: { identity }, query: { cursor, limit: AT_ONCE } },
        signal,
      }),
    ),
  );
  const fits = (row: Variable) => nameOf(row).toLowerCase().includes(wanted.toLowerCase());
  const read = isOperator && (
    <Button component={Link} variant="default" href={commandAddress(identity, "configuration-get")}>
      {text.readNow}
    </Button>
  );
  return (
    <Stack gap="sm">
      {list.rows !== undefined && list.rows.length > 0 && (
        <Group gap="sm">
          <TextFilter value={wanted} onChange={setWanted} label={text.findVariable} />
          {read}
        </Group>
      )}
      <OlderTable
        label={text.sections.configuration}
        list={{ ...list, rows: list.rows?.filter(fits) }}
        rowKey={(row) => `${nameOf(row)} ${row.attribute}`}
        empty={
          <Empty icon={IconAdjustments} title={wanted ? text.noVariable : text.noVariables}>
            {!wanted && (
              <>
                {text.noVariablesHelp}
                <br />
                {read}
              </>
            )}
          </Empty>
        }
        columns={[
          { key: "variable", title: text.variable, width: 260, isNarrow: true, render: nameOf },
          {
            key: "value",
            title: text.value,
            width: 220,
            isNarrow: true,
            render: (row) =>
              row.value ?? (
                <Text span size="sm" c="dimmed">
                  {text.unread}
                </Text>
              ),
          },
          { key: "attribute", title: text.attribute, width: 100, render: (row) => row.attribute },
          { key: "mutability", title: text.mutability, width: 110, render: (row) => row.mutability },
          { key: "at", title: text.at, width: 110, render: (row) => <Time at={row.at} /> },
          ...(isOperator
            ? [
                {
                  key: "change",
                  title: "",
                  width: 90,
                  render: (row: Variable) =>
                    row.mutability !== "ReadOnly" && (
                      <Anchor
                        component={Link}
                        size="sm"
                        href={commandAddress(identity, "configuration-set")}
                        aria-label={text.changeOf(nameOf(row))}
                      >
                        {text.change}
                      </Anchor>
                    ),
                },
              ]
            : []),
        ]}
      />
    </Stack>
  );
}

/** Return a variable as people write it: `Component.Variable`; a key of 1.x has no component. */
function nameOf(row: Variable): string {
  return row.component === "" ? row.variable : `${row.component}.${row.variable}`;
}
