import { Group, Progress, Stack, Text } from "@mantine/core";

import { useFormat } from "../../lib/format";
import { type Job, progressOf } from "./jobs";
import { useText } from "./text";

/** How many of a job's stations have done it, and how many have not. */
export function JobProgress({ job }: { job: Job }) {
  const text = useText();
  const format = useFormat();
  const { total, done, failed } = progressOf(job);
  const percent = (number: number) => (total === 0 ? 0 : (number / total) * 100);
  return (
    <Stack gap={4} miw={120}>
      <Progress.Root size="sm">
        <Progress.Section
          value={percent(done)}
          color="var(--vg-good)"
          aria-label={text.done(format.count(done), format.count(total))}
        />
        <Progress.Section
          value={percent(failed)}
          color="var(--vg-bad)"
          aria-label={text.failed(format.count(failed))}
        />
      </Progress.Root>
      <Group gap="xs">
        <Text size="xs" className="tabular">
          {text.done(format.count(done), format.count(total))}
        </Text>
        {failed > 0 && (
          <Text size="xs" c="var(--vg-bad)" className="tabular">
            {text.failed(format.count(failed))}
          </Text>
        )}
      </Group>
    </Stack>
  );
}
