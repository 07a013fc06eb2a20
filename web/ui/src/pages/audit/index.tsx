import { Button } from "@mantine/core";
import { IconListDetails, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";

import { Empty } from "../../components/Empty";
import { PageHead } from "../../components/PageHead";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { cleared, useParameters } from "../../lib/location";
import { columnsOf } from "./columns";
import { Export } from "./Export";
import { Filters } from "./Filters";
import { type Filter, FILTERS, type Line, linesOf } from "./query";
import { useText } from "./text";

/** `/audit`: who had stations do what; the filter stands in the address. */
export default function Audit() {
  const text = useText();
  const [parameters, change] = useParameters();
  const filter = useMemo<Filter>(
    () => Object.fromEntries(FILTERS.map((name) => [name, parameters[name]])),
    [parameters],
  );
  const list = useOlder<Line>(["audit", filter], (cursor, signal) =>
    linesOf(filter, AT_ONCE, cursor, signal),
  );
  const columns = useMemo(() => columnsOf(text), [text]);
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  const clear = () => change(cleared(FILTERS));
  return (
    <>
      <PageHead title={text.title} about={text.about}>
        <Export filter={filter} columns={columns} />
      </PageHead>
      <Filters parameters={parameters} change={change} clear={isFiltered ? clear : null} />
      <OlderTable
        label={text.title}
        columns={columns}
        rowKey={(line) => `${line.at} ${line.message_id} ${line.action}`}
        list={list}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <Button display="block" mx="auto" mt="md" variant="default" onClick={clear}>
                {text.clear}
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconListDetails} title={text.empty}>
              {text.emptyHelp}
            </Empty>
          )
        }
      />
    </>
  );
}
