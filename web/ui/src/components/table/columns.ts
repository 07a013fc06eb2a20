import type { ReactNode } from "react";

/** A column of a table. */
export interface Column<T> {
  key: string;
  title: string;
  /** Its least width in pixels. */
  width: number;
  /** How the width that is left is shared: 1 unless it is said; 0: it does not grow. */
  grow?: number;
  /** The API's name of the order by this column; with `-` before it the other way round. */
  sort?: string;
  /** Whether there is no order the other way round. */
  isOneWay?: boolean;
  /** Whether it is shown on a phone. */
  isNarrow?: boolean;
  /** Whether it is shown when nothing was chosen; true unless it is said. */
  isShown?: boolean;
  /** Whether it is always shown. */
  isFixed?: boolean;
  isNumeric?: boolean;
  render: (row: T) => ReactNode;
  /** What stands in an export; a column without it is not exported. */
  text?: (row: T) => string;
}

/** Return the columns to show: those chosen (their keys, with commas between them), else those meant for the width. */
export function shownColumns<T>(
  columns: readonly Column<T>[],
  chosen: string | undefined,
  isNarrow: boolean,
): Column<T>[] {
  const keys = chosen?.split(",");
  return columns.filter((column) => {
    if (column.isFixed) return true;
    if (keys !== undefined) return keys.includes(column.key);
    return isNarrow ? column.isNarrow === true : column.isShown !== false;
  });
}

/** Return the order after a click on a column: by it, then the other way round, then as at first. */
export function nextSort<T>(column: Column<T>, sort: string | undefined): string | undefined {
  if (sort !== column.sort && sort !== `-${column.sort ?? ""}`) return column.sort;
  return sort === column.sort && !column.isOneWay ? `-${sort ?? ""}` : undefined;
}

export function direction<T>(
  column: Column<T>,
  sort: string | undefined,
): "ascending" | "descending" | "none" | undefined {
  if (column.sort === undefined) return undefined;
  if (sort === column.sort) return "ascending";
  return sort === `-${column.sort}` ? "descending" : "none";
}
