import { ActionIcon, Box, Button, Group, SegmentedControl, Select, Tooltip } from "@mantine/core";
import { IconChargingPile, IconRefresh, IconSearchOff } from "@tabler/icons-react";
import { type ComponentProps, memo, useCallback, useMemo } from "react";

import { api, result } from "../../api/client";
import { useBackends, useRoutes } from "../../api/lists";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { MissingNodes } from "../../components/MissingNodes";
import { MoreFilters } from "../../components/MoreFilters";
import { PageHead } from "../../components/PageHead";
import { shownColumns } from "../../components/table/columns";
import { Columns } from "../../components/table/Columns";
import { Export } from "../../components/table/Export";
import { type Part, usePages } from "../../components/table/pages";
import { Views } from "../../components/table/Views";
import { VirtualTable } from "../../components/table/VirtualTable";
import { TextFilter } from "../../components/TextFilter";
import { cleared, navigate, stationAddress, useParameters } from "../../lib/location";
import { useIsNarrow } from "../../lib/narrow";
import { VERSIONS } from "../../lib/versions";
import { columnsOf, type Station } from "./columns";
import { useChanged } from "./changed";
import { useText } from "./text";

const SORTS = ["identity", "-identity", "since", "-since", "route"] as const;
const MORE = ["route", "backend", "version", "tag"] as const;
const FILTERS = ["q", "connected", ...MORE] as const;

/** The table of all stations: filter, sorting and columns stand in the address. */
export function StationList() {
  const text = useText();
  const [parameters, change] = useParameters();
  const isNarrow = useIsNarrow();
  const sort = SORTS.find((known) => known === parameters.sort);
  const wanted = useMemo(
    () => Object.fromEntries(FILTERS.map((name) => [name, parameters[name]])),
    [parameters],
  );
  const ask = useCallback(
    async (offset: number, limit: number, signal: AbortSignal): Promise<Part<Station>> => {
      const connected = wanted.connected === undefined ? undefined : wanted.connected === "true";
      const query = { ...wanted, connected, sort, offset, limit };
      return result(api.GET("/api/v1/stations", { params: { query }, signal }));
    },
    [wanted, sort],
  );
  const pages = usePages<Station>(["stations", "list", wanted, sort ?? "identity"], ask);
  const isCluster = pages.row(pages.range[0])?.node !== undefined;
  const columns = useMemo(() => columnsOf(text, isCluster), [text, isCluster]);
  const shown = useMemo(
    () => shownColumns(columns, parameters.columns, isNarrow),
    [columns, parameters.columns, isNarrow],
  );
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  const clear = useCallback(() => change(cleared(FILTERS)), [change]);
  return (
    <Box
      display="flex"
      h="calc(100dvh - 52px - 2 * var(--mantine-spacing-md))"
      style={{ flexDirection: "column" }}
    >
      <PageHead title={text.title} about={text.count(pages.total)}>
        <Views />
        <Columns columns={columns} shown={shown} onChoose={(chosen) => change({ columns: chosen })} />
        <Export name="stations" columns={shown} ask={ask} />
        <Tooltip label={text.refresh}>
          <ActionIcon variant="default" size={36} aria-label={text.refresh} onClick={pages.refresh}>
            <IconRefresh size={18} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </PageHead>
      <Filters parameters={parameters} change={change} clear={isFiltered ? clear : undefined} />
      {pages.error !== null && (
        <Box mb="sm">
          <Failure error={pages.error} retry={pages.refresh} />
        </Box>
      )}
      <MissingNodes nodes={pages.missing} />
      <LiveTable
        label={text.title}
        columns={shown}
        pages={pages}
        sort={sort}
        onSort={(next) => change({ sort: next })}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <br />
              <Button mt="sm" variant="default" onClick={clear}>
                {text.clear}
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconChargingPile} title={text.none}>
              {text.noneHelp}
            </Empty>
          )
        }
      />
    </Box>
  );
}

/** The table with what changes in it; what stands above it is not drawn anew with each change. */
function LiveTable(
  props: Omit<ComponentProps<typeof VirtualTable<Station>>, "rowKey" | "changed" | "onOpen">,
) {
  const changed = useChanged(props.pages);
  return (
    <VirtualTable
      {...props}
      rowKey={(row) => row.identity}
      changed={changed}
      onOpen={(row) => navigate(stationAddress(row.identity))}
    />
  );
}

type Change = (changes: Record<string, string | undefined>) => void;

/** Its choices are costly to draw: scrolling leaves them alone. */
const Filters = memo(function Filters({
  parameters,
  change,
  clear,
}: {
  parameters: Record<string, string>;
  change: Change;
  /** Takes all filters away; undefined: there are none. */
  clear: (() => void) | undefined;
}) {
  const text = useText();
  const routes = useRoutes();
  const backends = useBackends();
  const choices = [
    ["route", text.route, text.anyRoute, routes.data?.items.map((route) => route.name)],
    ["backend", text.backend, text.anyBackend, backends.data?.items.map((backend) => backend.name)],
    ["version", text.version, text.anyVersion, VERSIONS],
  ] as const;
  return (
    <Group gap="xs" mb="sm">
      <TextFilter value={parameters.q ?? ""} onChange={(q) => change({ q })} label={text.filter} />
      <SegmentedControl
        aria-label={text.connection}
        value={parameters.connected ?? ""}
        onChange={(connected) => change({ connected })}
        data={[
          { value: "", label: text.all },
          { value: "true", label: text.connected },
          { value: "false", label: text.away },
        ]}
      />
      <MoreFilters inUse={MORE.filter((name) => parameters[name]).length}>
        {choices.map(([name, label, any, values]) => (
          <Select
            key={name}
            aria-label={label}
            placeholder={any}
            data={withChosen(values ?? [], parameters[name])}
            value={parameters[name] ?? null}
            onChange={(value) => change({ [name]: value ?? undefined })}
            clearable
            w={160}
          />
        ))}
        <TextFilter
          value={parameters.tag ?? ""}
          onChange={(tag) => change({ tag })}
          label={text.tag}
          width={120}
          isSearch={false}
        />
      </MoreFilters>
      {clear && (
        <Button variant="default" onClick={clear}>
          {text.clear}
        </Button>
      )}
    </Group>
  );
});

/** Return choices with the one of the address, which may be of what is gone: a filter that holds is shown. */
function withChosen(values: readonly string[], chosen: string | undefined): string[] {
  return chosen === undefined || values.includes(chosen) ? [...values] : [...values, chosen];
}
