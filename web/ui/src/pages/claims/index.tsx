import { Box, Button, Group, SegmentedControl, Select } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { IconFlag, IconSearchOff } from "@tabler/icons-react";
import { useCallback, useMemo, useState } from "react";

import { api, result } from "../../api/client";
import { useBackends } from "../../api/lists";
import { may, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { shownColumns } from "../../components/table/columns";
import { Export } from "../../components/table/Export";
import { type Part, usePages } from "../../components/table/pages";
import { VirtualTable } from "../../components/table/VirtualTable";
import { TextFilter } from "../../components/TextFilter";
import { cleared, navigate, stationAddress, useParameters } from "../../lib/location";
import { useIsNarrow } from "../../lib/narrow";
import { useSoon } from "../../lib/soon";
import { useTopic } from "../../live/live";
import { type Claim, columnsOf } from "./columns";
import { NewClaims } from "./NewClaims";
import { useText } from "./text";
import { Withdrawal } from "./Withdrawal";

const FILTERS = ["q", "backend", "contested"] as const;

/** Which backend claims which stations, and where several do. */
export default function Claims() {
  const text = useText();
  const me = useMe();
  const isAdmin = may(me, "admin");
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const isNarrow = useIsNarrow();
  const [withdrawn, setWithdrawn] = useState<Claim | null>(null);
  const [isClaiming, setClaiming] = useState(false);
  const { q, backend, contested } = parameters;
  const ask = useCallback(
    (offset: number, limit: number, signal: AbortSignal): Promise<Part<Claim>> => {
      const isContested = contested === undefined ? undefined : contested === "true";
      const query = { q, backend, contested: isContested, offset, limit };
      return result(api.GET("/api/v1/claims", { params: { query }, signal }));
    },
    [q, backend, contested],
  );
  const pages = usePages<Claim>(["claims", "list", { q, backend, contested }], ask);
  const refresh = useSoon(() => void client.invalidateQueries({ queryKey: ["claims"] }));
  useTopic({ subscribe: "events", kinds: ["ClaimsChanged", "ClaimContested"] }, refresh);
  const backends = useBackends().data?.items.map((backend) => backend.name) ?? [];
  const columns = useMemo(() => columnsOf(text, isAdmin ? setWithdrawn : undefined), [text, isAdmin]);
  const shown = useMemo(() => shownColumns(columns, undefined, isNarrow), [columns, isNarrow]);
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  return (
    <Box
      display="flex"
      h="calc(100dvh - 52px - 2 * var(--mantine-spacing-md))"
      style={{ flexDirection: "column" }}
    >
      <PageHead title={text.title} about={text.count(pages.total)}>
        <Export name="claims" columns={columns} ask={ask} />
        {isAdmin && <Button onClick={() => setClaiming(true)}>{text.claim}</Button>}
      </PageHead>
      <Group gap="xs" mb="sm">
        <TextFilter value={q ?? ""} onChange={(typed) => change({ q: typed })} label={text.filter} />
        <SegmentedControl
          aria-label={text.contests}
          value={contested ?? ""}
          onChange={(value) => change({ contested: value })}
          data={[
            { value: "", label: text.all },
            { value: "true", label: text.onlyContested },
          ]}
        />
        <Select
          aria-label={text.backend}
          placeholder={text.anyBackend}
          data={backends}
          value={backend ?? null}
          onChange={(value) => change({ backend: value ?? undefined })}
          clearable
          w={170}
        />
      </Group>
      {pages.error !== null && (
        <Box mb="sm">
          <Failure error={pages.error} retry={pages.refresh} />
        </Box>
      )}
      <VirtualTable
        label={text.title}
        columns={shown}
        pages={pages}
        rowKey={(row) => `${row.station} ${row.backend}`}
        sort={undefined}
        onSort={() => undefined}
        onOpen={(row) => navigate(stationAddress(row.station))}
        empty={
          !isFiltered ? (
            <Empty icon={IconFlag} title={text.none}>
              {text.noneHelp}
            </Empty>
          ) : contested === "true" && !q && !backend ? (
            <Empty icon={IconFlag} title={text.noContests}>
              {text.noContestsHelp}
            </Empty>
          ) : (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <br />
              <Button mt="sm" variant="default" onClick={() => change(cleared(FILTERS))}>
                {text.clear}
              </Button>
            </Empty>
          )
        }
      />
      {withdrawn !== null && <Withdrawal claim={withdrawn} onClose={() => setWithdrawn(null)} />}
      {isClaiming && <NewClaims backends={backends} onClose={() => setClaiming(false)} />}
    </Box>
  );
}
