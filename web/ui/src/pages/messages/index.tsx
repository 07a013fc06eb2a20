import { ActionIcon, Button, Group, SegmentedControl, Select, Tooltip } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { IconRefresh } from "@tabler/icons-react";

import { useBackends } from "../../api/lists";
import { MoreFilters } from "../../components/MoreFilters";
import { PageHead } from "../../components/PageHead";
import { TextFilter } from "../../components/TextFilter";
import { TimeFilter } from "../../components/TimeFilter";
import { cleared, useParameters } from "../../lib/location";
import { ExportButton } from "./ExportButton";
import { LiveMessages } from "./LiveMessages";
import { Log, type LogFilters } from "./Log";
import { RecordingButton } from "./RecordingButton";
import { useText } from "./text";

const FILTERS = ["station", "action", "backend", "outcome", "text", "since", "until"] as const;
const OUTCOMES = ["result", "error", "unanswered"] as const;

/** What was said: from the log, or as it is heard. Filters stand in the address. */
export default function Messages() {
  const text = useText();
  const [parameters, change] = useParameters();
  const isLive = parameters.mode === "live";
  const outcome = OUTCOMES.find((known) => known === parameters.outcome);
  const filters = Object.fromEntries(
    FILTERS.filter((name) => parameters[name]).map((name) => [name, parameters[name]]),
  );
  const wanted: LogFilters = { ...filters, outcome };
  const clear = () => change(cleared(FILTERS));
  return (
    <>
      <PageHead title={text.title} about={text.about}>
        <RecordingButton />
        {!isLive && <ExportButton filters={wanted} />}
        {!isLive && <Refresh />}
      </PageHead>
      <Filters parameters={parameters} change={change} isLive={isLive} />
      {isLive ? (
        <LiveMessages key={parameters.station} filters={wanted} />
      ) : (
        <Log filters={wanted} clear={Object.keys(filters).length > 0 ? clear : undefined} />
      )}
    </>
  );
}

function Refresh() {
  const text = useText();
  const client = useQueryClient();
  return (
    <Tooltip label={text.refresh}>
      <ActionIcon
        variant="default"
        size={36}
        aria-label={text.refresh}
        onClick={() => void client.resetQueries({ queryKey: ["messages", "log"] })}
      >
        <IconRefresh size={18} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

function Filters({
  parameters,
  change,
  isLive,
}: {
  parameters: Record<string, string>;
  change: (changes: Record<string, string | undefined>) => void;
  isLive: boolean;
}) {
  const text = useText();
  const backends = useBackends();
  return (
    <Group gap="xs" mb="sm">
      <SegmentedControl
        aria-label={text.mode}
        value={isLive ? "live" : "log"}
        onChange={(mode) => change({ mode: mode === "live" ? mode : undefined })}
        data={[
          { value: "log", label: text.log },
          { value: "live", label: text.live },
        ]}
      />
      <TextFilter
        value={parameters.station ?? ""}
        onChange={(station) => change({ station })}
        label={text.station}
        width={170}
      />
      <MoreFilters inUse={FILTERS.filter((name) => name !== "station" && parameters[name]).length}>
        <TextFilter
          value={parameters.action ?? ""}
          onChange={(action) => change({ action })}
          label={text.action}
          width={170}
          isSearch={false}
        />
        <Select
          aria-label={text.backend}
          placeholder={text.anyBackend}
          data={backends.data?.items.map((backend) => backend.name) ?? []}
          value={parameters.backend ?? null}
          onChange={(backend) => change({ backend: backend ?? undefined })}
          clearable
          w={170}
        />
        <Select
          aria-label={text.outcome}
          placeholder={text.anyOutcome}
          data={OUTCOMES.map((value) => ({ value, label: text.outcomes[value] }))}
          value={OUTCOMES.find((known) => known === parameters.outcome) ?? null}
          onChange={(outcome) => change({ outcome: outcome ?? undefined })}
          clearable
          w={170}
        />
        <TextFilter
          value={parameters.text ?? ""}
          onChange={(said) => change({ text: said })}
          label={text.text}
          width={200}
          isSearch={false}
        />
        {!isLive &&
          (["since", "until"] as const).map((name) => (
            <TimeFilter
              key={name}
              value={parameters[name]}
              onChange={(at) => change({ [name]: at })}
              label={text[name]}
            />
          ))}
      </MoreFilters>
      {FILTERS.some((name) => parameters[name]) && (
        <Button variant="default" onClick={() => change(cleared(FILTERS))}>
          {text.clear}
        </Button>
      )}
    </Group>
  );
}
