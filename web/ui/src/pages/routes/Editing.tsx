import { Alert, Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconLock } from "@tabler/icons-react";
import { useRef, useState } from "react";

import { api, result } from "../../api/client";
import { Problem } from "../../api/problem";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import classes from "./Editing.module.css";
import { rangeOfLine } from "./lines";
import { Remarks } from "./Remarks";
import { useText } from "./text";

const KEY = ["configuration", "routes"];
const PAUSE = 400; // milliseconds without typing after which the text is checked
const LEAST = 14; // lines that the field has room for

/** Routes as they are written, with the tag that a change of them must name. */
interface Written {
  text: string;
  tag: string;
  file: string;
  isShared: boolean;
}

/** The routes as TOML, where they can be changed here; else why not. */
export function Editing() {
  const text = useText();
  const written = useQuery({
    queryKey: KEY,
    queryFn: async () => {
      const { data, response } = await api.GET("/api/v1/configuration/routes");
      return { shown: data, tag: response.headers.get("ETag") ?? "" };
    },
    staleTime: "static", // what is being edited is not replaced under the hands, not even after a loss of the connection
    gcTime: 0,
  });
  if (written.error) return <Failure error={written.error} retry={() => void written.refetch()} />;
  if (written.data?.shown === undefined) return <Skeleton height={320} aria-busy />;
  const { shown, tag } = written.data;
  if (!shown.editable || shown.text === null || shown.file === null) {
    return (
      <Empty icon={IconLock} title={text.closed}>
        {shown.why}
      </Empty>
    );
  }
  return (
    <Editor
      key={tag}
      written={{ text: shown.text, tag, file: shown.file, isShared: shown.shared }}
      reload={() => void written.refetch()}
    />
  );
}

function Editor({ written, reload }: { written: Written; reload: () => void }) {
  const text = useText();
  const field = useRef<HTMLTextAreaElement>(null);
  const [typed, setTyped] = useState(written.text);
  const [settled] = useDebouncedValue(typed, PAUSE);
  const [isAsking, asking] = useDisclosure();
  const isChanged = typed !== written.text;
  const checked = useQuery({
    queryKey: [...KEY, "check", settled],
    queryFn: () => result(api.POST("/api/v1/configuration/routes/check", { body: { text: settled } })),
    enabled: settled !== written.text,
    gcTime: 0,
  });
  const apply = useApply(written.tag, asking.close);
  const isChecked = settled === typed && checked.data !== undefined;
  const isRight = isChecked && checked.data.items.every((remark) => remark.warning);
  const lines = typed.split("\n").length;
  function show(line: number) {
    const [start, end] = rangeOfLine(typed, line);
    field.current?.focus();
    field.current?.setSelectionRange(start, end);
  }
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {text.file(written.file)}
      </Text>
      {written.isShared && (
        <Alert color="orange" variant="outline" bg="var(--vg-surface)">
          {text.shared}
        </Alert>
      )}
      <div className={classes.editor}>
        <pre className={classes.numbers} aria-hidden>
          {Array.from({ length: lines }, (_, index) => index + 1).join("\n")}
        </pre>
        <textarea
          ref={field}
          className={classes.text}
          aria-label={text.toml}
          value={typed}
          rows={Math.max(LEAST, lines)}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
      {checked.error !== null && isChanged && (
        <Failure error={checked.error} retry={() => void checked.refetch()} />
      )}
      <div aria-live="polite">
        {isChanged ? (
          isChecked ? (
            <Remarks remarks={checked.data.items} show={show} />
          ) : (
            checked.error === null && <Text size="sm">{text.checking}</Text>
          )
        ) : (
          <Text size="sm" c="dimmed">
            {text.unchanged}
          </Text>
        )}
      </div>
      <Group justify="flex-end" gap="xs">
        <Button variant="default" disabled={!isChanged} onClick={() => setTyped(written.text)}>
          {text.discard}
        </Button>
        <Button disabled={!isChanged || !isRight} onClick={asking.open}>
          {text.apply}
        </Button>
      </Group>
      <Confirm
        title={text.applyTitle}
        action={text.applyAction}
        isOpen={isAsking}
        isRunning={apply.isPending}
        error={apply.error}
        onConfirm={() => apply.mutate(typed)}
        onClose={() => {
          asking.close();
          apply.reset();
        }}
      >
        {text.applyHelp}
        {apply.error instanceof Problem && apply.error.status === 412 && (
          <Button mt="sm" size="xs" variant="default" onClick={reload}>
            {text.reload}
          </Button>
        )}
      </Confirm>
    </Stack>
  );
}

/** Writes routes, unless others stand there than those of the tag. */
function useApply(tag: string, onApplied: () => void) {
  const text = useText();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: string) =>
      api.PUT("/api/v1/configuration/routes", {
        body: { text: wanted },
        params: { header: { "if-match": tag } },
      }),
    onSuccess: async ({ data, response }) => {
      onApplied();
      notifications.show({ color: "green", message: text.applied });
      client.setQueryData(KEY, { shown: data, tag: response.headers.get("ETag") ?? "" });
      await client.invalidateQueries({ queryKey: ["routes"] });
    },
  });
}
