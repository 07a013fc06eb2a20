import {
  Button,
  Group,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { choicesOf, useNetworks } from "../../api/networks";
import { Failure } from "../../components/Failure";
import { identitiesOf } from "../../lib/identities";
import { VERSIONS, versionName } from "../../lib/versions";
import { useText } from "./text";

type Filter = Schemas["StationsWanted"];

/** The stations of a job: those that are like a filter, or those of a list as it was written. */
export type Chosen = { way: "filter"; filter: Filter } | { way: "list"; list: string };

export const EVERYONE: Chosen = { way: "filter", filter: {} };

const AT_ONCE = 1000;

/** How many stations were chosen; `more`: at least so many. */
interface Found {
  total: number;
  more: boolean;
}

/**
 * Return how many stations were chosen; undefined: that is not known yet. Who may tell stations of some networks only names
 * one of them first.
 */
export function useFound(chosen: Chosen): { found: Found | undefined; error: unknown } {
  const me = useMe();
  const filter = chosen.way === "filter" ? chosen.filter : undefined;
  const isWithin = may(me, "operator") || filter?.network !== undefined;
  const [settled] = useDebouncedValue(filter, 200);
  const query = useQuery({
    queryKey: ["csms", "stations", "count", settled],
    queryFn: ({ signal }) => {
      const query = { ...settled, registration: undefined, limit: 1 };
      return result(api.GET("/api/v1/csms/stations", { params: { query }, signal }));
    },
    enabled: settled !== undefined && isWithin,
  });
  if (chosen.way === "list") {
    return { found: { total: identitiesOf(chosen.list).length, more: false }, error: null };
  }
  return settled === filter ? { found: query.data, error: query.error } : { found: undefined, error: null };
}

export function ChooseStations({ chosen, onChange }: { chosen: Chosen; onChange: (chosen: Chosen) => void }) {
  const text = useText();
  return (
    <Stack>
      <SegmentedControl
        aria-label={text.way}
        w="max-content"
        value={chosen.way}
        onChange={(way) => onChange(way === "list" ? { way: "list", list: "" } : EVERYONE)}
        data={[
          { value: "filter", label: text.byFilter },
          { value: "list", label: text.byList },
        ]}
      />
      {chosen.way === "filter" ? (
        <ByFilter filter={chosen.filter} onChange={(filter) => onChange({ way: "filter", filter })} />
      ) : (
        <ByList list={chosen.list} onChange={(list) => onChange({ way: "list", list })} />
      )}
    </Stack>
  );
}

function ByFilter({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const text = useText();
  const me = useMe();
  const networks = choicesOf(useNetworks(), me, "operator");
  const isEverywhere = may(me, "operator");
  const put = (changes: Filter) => onChange({ ...filter, ...changes });
  const connected =
    filter.connected === undefined || filter.connected === null ? null : String(filter.connected);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
      <TextInput
        label={text.match}
        description={text.matchHelp}
        value={filter.match ?? ""}
        maxLength={255}
        onChange={(event) => put({ match: event.currentTarget.value || undefined })}
      />
      <Select
        label={text.network}
        placeholder={isEverywhere ? text.anyNetwork : text.chooseNetwork}
        data={networks}
        value={filter.network ?? null}
        onChange={(network) => put({ network: network ?? undefined })}
        required={!isEverywhere}
        clearable
        searchable
      />
      <Select
        label={text.version}
        placeholder={text.anyVersion}
        data={VERSIONS.map((version) => ({ value: version, label: versionName(version) }))}
        value={filter.version ?? null}
        onChange={(version) => put({ version: version ?? undefined })}
        clearable
      />
      <Select
        label={text.connected}
        placeholder={text.anyConnection}
        data={[
          { value: "true", label: text.isConnected },
          { value: "false", label: text.isAway },
        ]}
        value={connected}
        onChange={(value) => put({ connected: value === null ? undefined : value === "true" })}
        clearable
      />
      <TextInput
        label={text.text}
        value={filter.text ?? ""}
        maxLength={100}
        onChange={(event) => put({ text: event.currentTarget.value || undefined })}
      />
    </SimpleGrid>
  );
}

function ByList({ list, onChange }: { list: string; onChange: (list: string) => void }) {
  const text = useText();
  const me = useMe();
  const [tag, setTag] = useState("");
  const take = useMutation({
    mutationFn: () => withTag(tag),
    onSuccess: (found) => onChange([...new Set([...identitiesOf(list), ...found])].join("\n")),
  });
  return (
    <Stack>
      <Textarea
        label={text.list}
        description={text.listHelp}
        value={list}
        onChange={(event) => onChange(event.currentTarget.value)}
        autosize
        minRows={4}
        maxRows={12}
      />
      {may(me, "viewer") && (
        <Group align="flex-end" gap="xs">
          <TextInput label={text.tag} value={tag} onChange={(event) => setTag(event.currentTarget.value)} />
          <Button variant="default" disabled={!tag} loading={take.isPending} onClick={() => take.mutate()}>
            {text.take}
          </Button>
          <span role="status">{take.data?.length === 0 && text.noneWithTag}</span>
        </Group>
      )}
      {take.error !== null && <Failure error={take.error} />}
    </Stack>
  );
}

/** Return the stations with a tag. */
async function withTag(tag: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const query = { tag, offset: found.length, limit: AT_ONCE };
    const { items, total } = await result(api.GET("/api/v1/stations", { params: { query } }));
    found.push(...items.map((each) => each.identity));
    if (items.length === 0 || found.length >= total) return found;
  }
}
