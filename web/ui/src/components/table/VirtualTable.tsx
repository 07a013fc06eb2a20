import { Skeleton, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowsSort, IconArrowUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, type ReactNode, useEffect, useId, useRef, useState } from "react";

import { type Column, direction, nextSort } from "./columns";
import type { Pages } from "./pages";
import classes from "./VirtualTable.module.css";

const HEIGHT = 38;

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  pages: Pages<T>;
  /** What a row is known by; rows that are told live take the place of those that were asked for. */
  rowKey: (row: T) => string;
  changed?: ReadonlyMap<string, T>;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  onOpen: (row: T) => void;
  /** What is shown in place of rows where there are none. */
  empty: ReactNode;
}

/** A table of any length: rows are made and asked for as they come onto the screen. Arrow keys move, Enter opens. */
export function VirtualTable<T>(props: Props<T>) {
  const { columns, pages, onOpen } = props;
  const grid = useRef<HTMLDivElement>(null);
  const id = useId();
  const [active, setActive] = useState(-1);
  const virtualizer = useVirtualizer({
    count: pages.total,
    getScrollElement: () => grid.current,
    estimateSize: () => HEIGHT,
    overscan: 8,
    scrollPaddingStart: HEIGHT,
  });
  const shown = virtualizer.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = (shown.at(-1)?.index ?? 0) + 1;
  const { show } = pages;
  useEffect(() => show(first, last), [show, first, last]);
  const rowOf = (index: number): T | undefined => {
    const row = pages.row(index);
    return row === undefined ? undefined : (props.changed?.get(props.rowKey(row)) ?? row);
  };
  function move(to: number) {
    const index = Math.min(Math.max(to, 0), pages.total - 1);
    setActive(index);
    virtualizer.scrollToIndex(index);
  }
  function press(event: KeyboardEvent) {
    if (event.target !== event.currentTarget || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, last - first - 10);
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: pages.total - 1,
    };
    const to = steps[event.key];
    const row = event.key === "Enter" ? rowOf(active) : undefined;
    if (to === undefined && row === undefined) return;
    event.preventDefault();
    if (to !== undefined) move(to);
    if (row !== undefined) onOpen(row);
  }
  const template = columns.map((column) => `minmax(${column.width}px, ${column.grow ?? 1}fr)`).join(" ");
  const width = columns.reduce((sum, column) => sum + column.width, 0) + 24;
  const isEmpty = pages.total === 0 && !pages.isLoading;
  return (
    <div
      ref={grid}
      className={classes.grid}
      role="grid"
      aria-label={props.label}
      aria-rowcount={pages.total + 1}
      aria-colcount={columns.length}
      aria-activedescendant={active >= first && active < last ? `${id}-${active}` : undefined}
      aria-busy={pages.isLoading}
      tabIndex={0}
      onKeyDown={press}
    >
      <div role="rowgroup" className={classes.head} style={{ minWidth: width }}>
        <div role="row" aria-rowindex={1} className={classes.row} style={{ gridTemplateColumns: template }}>
          {columns.map((column) => (
            <Head key={column.key} column={column} sort={props.sort} onSort={props.onSort} />
          ))}
        </div>
      </div>
      {isEmpty ? (
        <div role="rowgroup">
          <div role="row">
            <div role="gridcell">{props.empty}</div>
          </div>
        </div>
      ) : (
        <div
          role="rowgroup"
          className={classes.body}
          style={{ height: virtualizer.getTotalSize(), minWidth: width }}
        >
          {shown.map((item) => (
            <Row
              key={item.index}
              id={`${id}-${item.index}`}
              index={item.index}
              start={item.start}
              template={template}
              columns={columns as readonly Column<unknown>[]}
              row={rowOf(item.index)}
              isActive={item.index === active}
              onActive={setActive}
            />
          ))}
        </div>
      )}
    </div>
  );
}

function Head<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
}) {
  const order = direction(column, sort);
  const Sign = order === "ascending" ? IconArrowUp : order === "descending" ? IconArrowDown : IconArrowsSort;
  return (
    <div
      role="columnheader"
      aria-sort={order}
      className={classes.cell}
      data-numeric={column.isNumeric || undefined}
    >
      {column.sort === undefined ? (
        column.title
      ) : (
        <UnstyledButton className={classes.sort} onClick={() => onSort(nextSort(column, sort))}>
          {column.title}
          <Sign size={14} aria-hidden className={classes.sign} data-sorted={order !== "none" || undefined} />
        </UnstyledButton>
      )}
    </div>
  );
}

interface RowProps {
  id: string;
  index: number;
  start: number;
  template: string;
  columns: readonly Column<unknown>[];
  row: unknown;
  isActive: boolean;
  onActive: (index: number) => void;
}

const Row = memo(function Row({ id, index, start, template, columns, row, isActive, onActive }: RowProps) {
  return (
    // The keys are those of the grid, which holds the focus.
    <div
      id={id}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={classes.row}
      data-odd={index % 2 === 1 || undefined}
      style={{ gridTemplateColumns: template, transform: `translateY(${start}px)`, height: HEIGHT }}
      onClick={() => onActive(index)}
    >
      {columns.map((column) => (
        <div
          key={column.key}
          role="gridcell"
          className={classes.cell}
          data-numeric={column.isNumeric || undefined}
        >
          {row === undefined ? <Skeleton height={10} width="60%" /> : column.render(row)}
        </div>
      ))}
    </div>
  );
});
