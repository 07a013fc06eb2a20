import { Button, Group, SegmentedControl, Select } from "@mantine/core";
import { IconDownload, IconId, IconPlus, IconSearchOff } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { api, base, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import { choicesOf, networkOf, useNetworks } from "../../api/networks";
import { Empty } from "../../components/Empty";
import { ImportList } from "../../components/ImportList";
import { PageHead } from "../../components/PageHead";
import { shownColumns } from "../../components/table/columns";
import { Columns } from "../../components/table/Columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { TextFilter } from "../../components/TextFilter";
import { Views } from "../../components/table/Views";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { address, cleared, useParameters } from "../../lib/location";
import { useIsNarrow } from "../../lib/narrow";
import { columnsOf } from "./columns";
import { useText } from "./text";
import { TokenForm } from "./TokenForm";

const FILTERS = ["text", "status", "network", "group"] as const;
const COLUMNS = "token,type,group,status,expires,concurrent,network,holder,language,message";

/** `/id-tokens`: who may charge, by card or otherwise. */
export default function Tokens() {
  const text = useText();
  const me = useMe();
  const [parameters, change] = useParameters();
  const [isAdding, setAdding] = useState(false);
  const isNarrow = useIsNarrow();
  const networks = useNetworks();
  const wanted = useMemo(
    () => ({
      ...Object.fromEntries(FILTERS.map((name) => [name, parameters[name]])),
      network: networkOf(me, parameters.network),
    }),
    [parameters, me],
  );
  const status = (["Accepted", "Blocked"] as const).find((known) => known === parameters.status);
  const list = useOlder(["id-tokens", wanted], (cursor, signal) => {
    const query = { ...wanted, status, cursor, limit: AT_ONCE };
    return result(api.GET("/api/v1/id-tokens", { params: { query }, signal }));
  });
  const columns = useMemo(() => columnsOf(text), [text]);
  const mayAdd = may(me, "operator") || choicesOf(networks, me, "operator").length > 0;
  if (isUnmanaged(list.error)) return <Unmanaged />;
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  return (
    <>
      <PageHead title={text.title} about={list.total !== undefined && text.count(list.total)}>
        <Views />
        <Columns
          columns={columns}
          shown={shownColumns(columns, parameters.columns, isNarrow)}
          onChoose={(chosen) => change({ columns: chosen })}
        />
        <Button
          component="a"
          href={`${base}${address("/api/v1/id-tokens", { ...wanted, format: "csv" })}`}
          download="id-tokens.csv"
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
        >
          {text.export}
        </Button>
        {mayAdd && <ImportList list="id-tokens" columns={COLUMNS} />}
        {mayAdd && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            {text.add}
          </Button>
        )}
      </PageHead>
      <Group gap="xs" mb="sm">
        <TextFilter
          value={parameters.text ?? ""}
          onChange={(typed) => change({ text: typed })}
          label={text.filter}
        />
        <SegmentedControl
          aria-label={text.status}
          value={status ?? ""}
          onChange={(chosen) => change({ status: chosen })}
          data={[
            { value: "", label: text.all },
            { value: "Accepted", label: text.accepted },
            { value: "Blocked", label: text.blocked },
          ]}
        />
        <Select
          aria-label={text.network}
          placeholder={text.anyNetwork}
          data={choicesOf(networks, me, "viewer")}
          value={wanted.network ?? null}
          onChange={(network) => change({ network: network ?? undefined })}
          clearable
          w={180}
        />
      </Group>
      <OlderTable
        label={text.title}
        columns={columns}
        chosen={parameters.columns}
        rowKey={(row) => row.token}
        list={list}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <br />
              <Button mt="sm" variant="default" onClick={() => change(cleared(FILTERS))}>
                {text.clear}
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconId} title={text.none}>
              {text.noneHelp}
            </Empty>
          )
        }
      />
      {isAdding && <TokenForm onClose={() => setAdding(false)} />}
    </>
  );
}
