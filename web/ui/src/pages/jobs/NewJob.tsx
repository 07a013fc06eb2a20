import {
  Button,
  Group,
  Input,
  NumberInput,
  SegmentedControl,
  Select,
  Skeleton,
  Stack,
  Text,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { IconLock, IconPlayerPlay } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { maySomewhere, useMe } from "../../api/me";
import { type Danger, dangerOf, PLAIN } from "../../components/commands/commands";
import { called, useCommandNames, useFieldNames } from "../../components/commands/names";
import { useCommands } from "../../components/commands/useCommands";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import {
  beginning,
  completed,
  filledIn,
  type Mistake,
  mistakesIn,
  type Schema,
} from "../../components/form/shape";
import { SchemaForm } from "../../components/form/SchemaForm";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { useFormat } from "../../lib/format";
import { identitiesOf } from "../../lib/identities";
import { navigate, useParameters } from "../../lib/location";
import { type Chosen, ChooseStations, EVERYONE, useFound } from "./ChooseStations";
import { Back } from "./JobPage";
import { useText } from "./text";

const DAY = 86_400;

/** Makes a job: what is told, to which stations, and how. */
export function NewJob() {
  const text = useText();
  const me = useMe();
  const isOperator = maySomewhere(me, "operator");
  const commands = useCommands(isOperator);
  if (!isOperator) {
    return (
      <>
        <Back />
        <Empty icon={IconLock} title={text.role}>
          {text.roleHelp}
        </Empty>
      </>
    );
  }
  return (
    <>
      <Back />
      <PageHead title={text.newTitle} about={text.about} />
      {commands.error !== null && <Failure error={commands.error} retry={() => void commands.refetch()} />}
      {commands.isLoading && <Skeleton height={300} aria-busy />}
      {commands.data && <Choosing commands={commands.data} />}
    </>
  );
}

function Choosing({ commands }: { commands: Schemas["CommandDescribed"][] }) {
  const text = useText();
  const names = useCommandNames();
  const [parameters, change] = useParameters();
  const [stations, setStations] = useState(EVERYONE);
  const chosen = commands.find((each) => each.name === parameters.command);
  const select = (
    <Select
      label={text.command}
      data={commands.map((each) => ({ value: each.name, label: called(names, each.name) }))}
      value={chosen?.name ?? null}
      onChange={(command) => change({ command: command ?? undefined })}
      searchable
      required
      maw={420}
    />
  );
  if (chosen === undefined) {
    return (
      <Panel title={text.whatTitle}>
        {select}
        <Text size="sm" c="dimmed" mt="sm">
          {text.choose}
        </Text>
      </Panel>
    );
  }
  return (
    <Form key={chosen.name} command={chosen} select={select} stations={stations} setStations={setStations} />
  );
}

function Form({
  command,
  select,
  stations,
  setStations,
}: {
  command: Schemas["CommandDescribed"];
  select: ReactNode;
  stations: Chosen;
  setStations: (stations: Chosen) => void;
}) {
  const text = useText();
  const format = useFormat();
  const names = useCommandNames();
  const fieldNames = useFieldNames();
  const schema = command.parameters as Schema;
  const [value, setValue] = useState<unknown>(() => beginning(schema));
  const [mistakes, setMistakes] = useState<Mistake[]>([]);
  const [rate, setRate] = useState<number | string>(10);
  const [days, setDays] = useState<number | string>(1);
  const [away, setAway] = useState<"wait" | "fail">("wait");
  const [danger, setDanger] = useState<Danger | "none">();
  const { found, error } = useFound(stations);
  const title = called(names, command.name);
  const fields = completed(filledIn(value, schema), schema) as Record<string, unknown>;
  const make = useMutation({
    mutationFn: () =>
      result(
        api.POST("/api/v1/jobs", {
          body: {
            command: command.name,
            parameters: fields,
            ...(stations.way === "list"
              ? { stations: identitiesOf(stations.list) }
              : { filter: stations.filter }),
            rate: typeof rate === "number" ? rate : 10,
            seconds: (typeof days === "number" ? days : 1) * DAY,
            at_once: 50,
            away,
          },
        }),
      ),
    onSuccess: (job) => navigate(`/jobs/${encodeURIComponent(job.id)}`),
  });
  const submit = () => {
    const wrong = mistakesIn(filledIn(value, schema), schema);
    setMistakes(wrong);
    if (wrong.length === 0) setDanger(dangerOf(command.name, fields, true) ?? "none");
  };
  const count =
    found === undefined ? "" : found.more ? text.many(format.count(found.total)) : text.found(found.total);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Stack>
        <Panel title={text.whatTitle}>
          <Stack>
            {select}
            {Object.keys(schema.properties ?? {}).length === 0 ? (
              <Text size="sm" c="dimmed">
                {text.noFields}
              </Text>
            ) : (
              <SchemaForm
                root={schema}
                value={value}
                onChange={setValue}
                first={PLAIN.find((each) => each.name === command.name)?.first}
                mistakes={mistakes}
                label={(name) => called(fieldNames, name)}
                proposals={{}}
              />
            )}
          </Stack>
        </Panel>
        <Panel
          title={text.whoTitle}
          side={
            <Text size="sm" role="status">
              {found?.total === 0 ? text.nobody : count}
            </Text>
          }
        >
          <ChooseStations chosen={stations} onChange={setStations} />
        </Panel>
        <Panel title={text.howTitle}>
          <Group align="flex-end">
            <NumberInput label={text.perSecond} value={rate} onChange={setRate} min={0.1} max={100} w={180} />
            <NumberInput label={text.days} value={days} onChange={setDays} min={0.01} max={30} w={180} />
            <Stack gap={0}>
              <Input.Label component="div">{text.away}</Input.Label>
              <SegmentedControl
                aria-label={text.away}
                value={away}
                onChange={(chosen) => setAway(chosen === "fail" ? "fail" : "wait")}
                data={[
                  { value: "wait", label: text.aways.wait },
                  { value: "fail", label: text.aways.fail },
                ]}
              />
            </Stack>
          </Group>
        </Panel>
        {error !== null && <Failure error={error} />}
        <Button
          type="submit"
          w="max-content"
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          disabled={!found?.total}
        >
          {text.make}
        </Button>
      </Stack>
      <Confirm
        title={text.sure(title, count)}
        action={text.make}
        isOpen={danger !== undefined}
        isRunning={make.isPending}
        error={make.error}
        onConfirm={() => make.mutate()}
        onClose={() => {
          setDanger(undefined);
          make.reset();
        }}
      >
        {text.sureText(title, count)} {danger !== undefined && danger !== "none" && text.danger[danger]}
      </Confirm>
    </form>
  );
}
