import { Button, Code, FileButton, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconUpload } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../api/client";
import { counted, texts } from "../lib/i18n";
import { Failure } from "./Failure";

const useText = texts(
  {
    import: "Import",
    close: "Close",
    help: "A file of CSV with a line of names, of JSON lines or JSON: what the export gives is taken. Those that are there become as the list says; when one line has a mistake, nothing is changed.",
    columns: "Columns:",
    choose: "Choose a file",
    done: (items: number) => `${counted(items, "entry", "entries")} imported.`,
  },
  {
    import: "Importieren",
    close: "Schließen",
    help: "Eine Datei mit CSV samt Kopfzeile, JSON Lines oder JSON: Was der Export liefert, wird genommen. Vorhandene Einträge werden so, wie die Liste es sagt; hat eine Zeile einen Fehler, ändert sich nichts.",
    columns: "Spalten:",
    choose: "Datei wählen",
    done: (items: number) => `${counted(items, "Eintrag", "Einträge")} importiert.`,
  },
);

/** Lists that can be imported, by the first part of their keys. */
const PATHS = {
  "id-tokens": "/api/v1/id-tokens/import",
  csms: "/api/v1/csms/stations/import",
} as const;

/** Lets a whole list be brought in from a file. */
export function ImportList({ list, columns }: { list: keyof typeof PATHS; columns: string }) {
  const text = useText();
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const take = useMutation({
    mutationFn: async (file: File) =>
      result(
        api.POST(PATHS[list], {
          body: await file.text(),
          bodySerializer: (body: unknown) => String(body),
          headers: { "Content-Type": mediaType(file.name) },
        }),
      ),
    onSuccess: ({ items }) => {
      setOpen(false);
      notifications.show({ color: "green", message: text.done(items) });
      void client.invalidateQueries({ queryKey: [list] });
      void client.invalidateQueries({ queryKey: ["networks"] });
    },
  });
  const open = () => {
    take.reset();
    setOpen(true);
  };
  return (
    <>
      <Button variant="default" leftSection={<IconUpload size={16} aria-hidden />} onClick={open}>
        {text.import}
      </Button>
      <Modal
        opened={isOpen}
        onClose={() => setOpen(false)}
        title={text.import}
        size="lg"
        closeButtonProps={{ "aria-label": text.close }}
      >
        <Stack>
          <Text size="sm">{text.help}</Text>
          <Text size="sm">
            {text.columns} <Code>{columns}</Code>
          </Text>
          {take.error !== null && <Failure error={take.error} />}
          <FileButton accept=".csv,.json,.jsonl,.ndjson" onChange={(file) => file && take.mutate(file)}>
            {(props) => (
              <Button {...props} loading={take.isPending} style={{ alignSelf: "flex-end" }}>
                {text.choose}
              </Button>
            )}
          </FileButton>
        </Stack>
      </Modal>
    </>
  );
}

/** Return what a file has, by the end of its name. */
function mediaType(name: string): string {
  if (name.endsWith(".json")) return "application/json";
  return /\.(jsonl|ndjson)$/.test(name) ? "application/jsonl" : "text/csv";
}
