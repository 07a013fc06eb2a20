import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { api, result } from "../../api/client";
import { Problem } from "../../api/problem";
import { useFailureNotice } from "../../components/Failure";
import { save } from "../../lib/csv";
import { harOf } from "./har";
import { askLog, type LogFilters } from "./Log";
import { recordingOf } from "./recording";
import type { Said } from "./said";
import { useText } from "./text";

const AT_ONCE = 1000;
/** Records that a page holds for a file; the command writes more. */
const MOST = 50_000;
/** Stations that are asked for, which version they speak: of others their messages tell. */
const MOST_ASKED = 100;

const FORMS = {
  jsonl: { name: "messages.jsonl", type: "application/jsonl", write: recordingOf },
  har: { name: "messages.har", type: "application/json", write: harOf },
};

/** Saves what the filters leave as a file: for `voltgate replay`, or for tools that show websockets. */
export function ExportButton({ filters }: { filters: LogFilters }) {
  const text = useText();
  const tell = useFailureNotice();
  const [written, setWritten] = useState<number | null>(null);
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  async function run(form: keyof typeof FORMS) {
    const abort = new AbortController();
    running.current = abort;
    setWritten(0);
    try {
      const records = await collect(filters, abort.signal, setWritten);
      if (records.length >= MOST) notifications.show({ message: text.exportMost(MOST) });
      const versions = await versionsOf(records, abort.signal);
      const { name, type, write } = FORMS[form];
      save(name, type, write(records, versions));
    } catch (error) {
      if (abort.signal.aborted) return;
      tell(error);
    } finally {
      setWritten(null);
    }
  }
  const icon = <IconDownload size={16} aria-hidden />;
  if (written !== null) {
    return (
      <Button variant="default" leftSection={icon} onClick={() => running.current?.abort()}>
        {text.exporting(written)}
      </Button>
    );
  }
  return (
    <Menu position="bottom-end" keepMounted={false}>
      <Menu.Target>
        <Button variant="default" leftSection={icon}>
          {text.export}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void run("jsonl")}>{text.exportReplay}</Menu.Item>
        <Menu.Item onClick={() => void run("har")}>{text.exportHar}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

async function collect(
  filters: LogFilters,
  signal: AbortSignal,
  onProgress: (records: number) => void,
): Promise<Said[]> {
  const records: Said[] = [];
  let cursor: string | null = null;
  do {
    const part = await askLog(filters, cursor, AT_ONCE, signal);
    records.push(...part.items);
    cursor = part.next;
    onProgress(records.length);
  } while (cursor !== null && records.length < MOST);
  return records.slice(0, MOST);
}

async function versionsOf(records: readonly Said[], signal: AbortSignal): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const identity of [...new Set(records.map((record) => record.station))].slice(0, MOST_ASKED)) {
    try {
      const params = { path: { identity } };
      const session = await result(api.GET("/api/v1/sessions/{identity}", { params, signal }));
      versions.set(identity, session.version);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
    }
  }
  return versions;
}
