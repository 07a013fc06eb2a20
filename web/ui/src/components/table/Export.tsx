import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { useFailureNotice } from "../Failure";
import { csv, save } from "../../lib/csv";
import { texts } from "../../lib/i18n";
import type { Column } from "./columns";
import type { Part } from "./pages";

const useText = texts(
  { export: "Export CSV", stop: (percent: number) => `${percent} %: stop` },
  { export: "CSV-Export", stop: (percent: number) => `${percent} %: anhalten` },
);

const AT_ONCE = 1000;

/** Saves a whole list as it is filtered and sorted, with the columns that are shown. */
export function Export<T>({
  name,
  columns,
  ask,
}: {
  name: string;
  columns: readonly Column<T>[];
  ask: (offset: number, limit: number, signal: AbortSignal) => Promise<Part<T>>;
}) {
  const text = useText();
  const tell = useFailureNotice();
  const [percent, setPercent] = useState<number | null>(null);
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  async function run() {
    const abort = new AbortController();
    running.current = abort;
    setPercent(0);
    try {
      const written = columns.filter((column) => column.text !== undefined);
      const rows = [written.map((column) => column.title)];
      for (let offset = 0, total = 1; offset < total; offset += AT_ONCE) {
        const part = await ask(offset, AT_ONCE, abort.signal);
        total = part.total;
        rows.push(...part.items.map((row) => written.map((column) => column.text?.(row) ?? "")));
        setPercent(Math.min(100, Math.round((100 * (offset + AT_ONCE)) / Math.max(total, 1))));
      }
      save(`${name}.csv`, "text/csv;charset=utf-8", csv(rows));
    } catch (error) {
      if (abort.signal.aborted) return;
      tell(error);
    } finally {
      setPercent(null);
    }
  }
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
      onClick={() => (percent === null ? void run() : running.current?.abort())}
    >
      {percent === null ? text.export : text.stop(percent)}
    </Button>
  );
}
