import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";

import { useFailureNotice } from "../../components/Failure";
import type { Column } from "../../components/table/columns";
import { csv, save } from "../../lib/csv";
import { useFormat } from "../../lib/format";
import { type Filter, type Line, linesOf } from "./query";
import { useText } from "./text";

const AT_ONCE = 1000;
const MOST = 50_000;

/** Saves the lines of a filter, the newest first. */
export function Export({ filter, columns }: { filter: Filter; columns: readonly Column<Line>[] }) {
  const text = useText();
  const tell = useFailureNotice();
  const format = useFormat();
  const [read, setRead] = useState(0);
  const run = useMutation({
    mutationFn: async () => {
      const rows = [columns.map((column) => column.title)];
      const { signal } = new AbortController();
      let cursor: string | undefined;
      do {
        const page = await linesOf(filter, AT_ONCE, cursor, signal);
        rows.push(...page.items.map((line) => columns.map((column) => column.text?.(line) ?? "")));
        setRead(rows.length - 1);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && rows.length <= MOST);
      save("audit.csv", "text/csv;charset=utf-8", csv(rows));
      return cursor !== undefined;
    },
    onSuccess: (isCut) => {
      if (isCut) notifications.show({ color: "orange", message: text.cut(format.count(MOST)) });
    },
    onError: tell,
  });
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
      disabled={run.isPending}
      onClick={() => run.mutate()}
    >
      {run.isPending ? text.exporting(format.count(read)) : text.export}
    </Button>
  );
}
