import { Button, Center, Paper, Skeleton, Stack, Table } from "@mantine/core";
import type { ReactNode } from "react";

import { texts } from "../../lib/i18n";
import { useIsNarrow } from "../../lib/narrow";
import { Failure } from "../Failure";
import { type Column, shownColumns } from "./columns";
import type { Older } from "./older";

const useText = texts({ more: "Show more" }, { more: "Mehr zeigen" });

/** Rows of which there are not many. On a phone only the columns meant for it are there. */
export function ListTable<T>({
  label,
  columns,
  chosen,
  rows,
  rowKey,
}: {
  label: string;
  columns: readonly Column<T>[];
  /** The keys of the columns to show, as they stand in the address; undefined: the usual ones. */
  chosen?: string;
  rows: readonly T[];
  rowKey: (row: T) => string;
}) {
  const isNarrow = useIsNarrow();
  const shown = shownColumns(columns, chosen, isNarrow);
  const width = shown.reduce((sum, column) => sum + column.width, 0);
  const align = (column: Column<T>) => (column.isNumeric ? ("right" as const) : undefined);
  return (
    <Table.ScrollContainer
      minWidth={isNarrow ? 0 : width}
      type="native"
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <Table horizontalSpacing="md" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {shown.map((column) => (
              <Table.Th
                key={column.key}
                scope="col"
                ta={align(column)}
                w={isNarrow ? undefined : column.width}
              >
                {column.title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={rowKey(row)}>
              {shown.map((column) => (
                <Table.Td
                  key={column.key}
                  ta={align(column)}
                  className={column.isNumeric ? "tabular" : undefined}
                  style={{ overflowWrap: isNarrow ? "anywhere" : "break-word" }}
                >
                  {column.render(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** A list that is read from the newest on, in all its states. */
export function OlderTable<T>({
  list,
  empty,
  ...table
}: {
  label: string;
  columns: readonly Column<T>[];
  chosen?: string;
  rowKey: (row: T) => string;
  list: Older<T>;
  /** What is shown where there are none. */
  empty: ReactNode;
}) {
  const text = useText();
  const { rows } = list;
  return (
    <Stack gap="sm">
      {list.error !== null && <Failure error={list.error} retry={list.again} />}
      {rows === undefined ? (
        list.error === null && <Skeleton height={160} aria-busy />
      ) : (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          {rows.length === 0 ? empty : <ListTable {...table} rows={rows} />}
        </Paper>
      )}
      {list.hasMore && (
        <Center>
          <Button variant="default" loading={list.isAsking} onClick={list.more}>
            {text.more}
          </Button>
        </Center>
      )}
    </Stack>
  );
}
