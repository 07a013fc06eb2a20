import {
  Autocomplete,
  Box,
  Button,
  Fieldset,
  Group,
  JsonInput,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconChevronDown, IconChevronUp, IconPlus, IconX } from "@tabler/icons-react";
import { createContext, useContext, useState } from "react";

import { fromLocal, toLocal } from "../../lib/localTime";
import classes from "./Form.module.css";
import {
  beginning,
  type FieldOf,
  isObject,
  LONG,
  type Mistake,
  readJson,
  resolved,
  type Schema,
  type Shape,
  shapeOf,
  Unread,
  withMember,
} from "./shape";
import { useFormText } from "./text";

interface Surroundings {
  root: Schema;
  mistakes: readonly Mistake[];
  /** What people call a field. */
  label: (name: string) => string;
  /** Values that are worth proposing for a field. */
  proposals: Readonly<Record<string, string[]>>;
}

/** The order of what belongs to a field: fields beside each other stand in one line. */
const ORDER: ("label" | "input" | "description" | "error")[] = ["label", "input", "description", "error"];

const Context = createContext<Surroundings>({ root: {}, mistakes: [], label: (name) => name, proposals: {} });

/** The fields of a JSON schema: those that must be filled in and the `first`, all others behind "more". */
export function SchemaForm({
  value,
  onChange,
  first = [],
  ...surroundings
}: Surroundings & {
  value: unknown;
  onChange: (value: unknown) => void;
  first?: readonly string[];
}) {
  return (
    <Context value={surroundings}>
      <Members schema={surroundings.root} value={value} onChange={onChange} first={first} path="" />
    </Context>
  );
}

interface Inside {
  schema: Schema;
  value: unknown;
  onChange: (value: unknown) => void;
  path: string;
}

function Members({ schema, value, onChange, first, path }: Inside & { first: readonly string[] }) {
  const text = useFormText();
  const { root, mistakes } = useContext(Context);
  const [isMore, setMore] = useState(false);
  const shape = shapeOf(schema, root);
  if (shape.kind !== "object") return null;
  const isFirst = (field: FieldOf) => field.isRequired || first.includes(field.name);
  const others = shape.fields.filter((field) => !isFirst(field));
  const isWrong = others.some((field) =>
    mistakes.some((mistake) => mistake.path.startsWith(`${path}/${field.name}`)),
  );
  const isOpen = isMore || isWrong;
  const Sign = isOpen ? IconChevronUp : IconChevronDown;
  const members = isObject(value) ? value : {};
  const fields = (some: FieldOf[]) => (
    <Box className={classes.fields}>
      {some.map((field) => (
        <Field
          key={field.name}
          {...field}
          value={members[field.name]}
          onChange={(member) => onChange(withMember(value, field.name, member))}
          path={`${path}/${field.name}`}
        />
      ))}
    </Box>
  );
  return (
    <Stack gap="sm">
      {others.length < shape.fields.length && fields(shape.fields.filter(isFirst))}
      {others.length > 0 && (
        <Button
          variant="subtle"
          size="compact-sm"
          w="max-content"
          leftSection={<Sign size={14} aria-hidden />}
          aria-expanded={isOpen}
          onClick={() => setMore(!isOpen)}
        >
          {isOpen ? text.fewer : text.more}
        </Button>
      )}
      {isOpen && fields(others)}
    </Stack>
  );
}

function Field({ name, schema, isRequired, ...inside }: Inside & FieldOf) {
  const { root, label } = useContext(Context);
  const shape = shapeOf(schema, root);
  const title = label(name);
  const about = useAbout(schema, shape);
  if (shape.kind === "object" || shape.kind === "list") {
    return (
      <Fieldset legend={title} className={classes.wide} variant="default">
        {about && (
          <Text size="xs" c="dimmed" mb="xs">
            {about}
          </Text>
        )}
        {shape.kind === "list" ? (
          <Items shape={shape} {...inside} />
        ) : (
          <Nested isRequired={isRequired} schema={schema} {...inside} />
        )}
      </Fieldset>
    );
  }
  return <Input shape={shape} title={title} about={about} name={name} isRequired={isRequired} {...inside} />;
}

/** An object in an object: one that need not be there is added and removed as a whole. */
function Nested({ isRequired, ...inside }: Inside & { isRequired: boolean }) {
  const text = useFormText();
  const { root } = useContext(Context);
  if (inside.value === undefined && !isRequired) {
    return <Add title={text.add} onClick={() => inside.onChange(beginning(inside.schema, root))} />;
  }
  return (
    <Stack gap="xs">
      <Members {...inside} first={[]} />
      {!isRequired && <Remove title={text.remove} onClick={() => inside.onChange(undefined)} />}
    </Stack>
  );
}

function Items({
  shape,
  value,
  onChange,
  path,
}: Omit<Inside, "schema"> & { shape: Shape & { kind: "list" } }) {
  const text = useFormText();
  const { root, mistakes } = useContext(Context);
  const items: unknown[] = Array.isArray(value) ? value : [];
  const own = mistakes.find((mistake) => mistake.path === path);
  const inner = shapeOf(shape.items, root);
  const put = (index: number, item: unknown) =>
    onChange(items.map((each, at) => (at === index ? item : each)));
  const remove = (index: number) => {
    const left = items.filter((_, at) => at !== index);
    onChange(left.length === 0 ? undefined : left);
  };
  return (
    <Stack gap="sm">
      {items.map((item, index) => {
        const inside = {
          schema: shape.items,
          value: item,
          onChange: (changed: unknown) => put(index, changed),
          path: `${path}/${index}`,
        };
        return (
          // Items have nothing but their place to be told apart by.
          <Group key={index} className={classes.item} align="flex-end" gap="xs">
            <Box flex={1} miw={0}>
              {inner.kind === "object" ? (
                <Members {...inside} first={[]} />
              ) : inner.kind === "list" ? (
                <Items {...inside} shape={inner} />
              ) : (
                <Input {...inside} shape={inner} title={text.item(index + 1)} name="" isRequired about="" />
              )}
            </Box>
            <Remove title={`${text.remove} ${text.item(index + 1)}`} onClick={() => remove(index)} />
          </Group>
        );
      })}
      {own && (
        <Text size="xs" c="var(--vg-bad)" role="alert">
          {text.mistakes[own.kind]}
        </Text>
      )}
      {items.length < shape.most && (
        <Add title={text.add} onClick={() => onChange([...items, beginning(shape.items, root)])} />
      )}
    </Stack>
  );
}

type Plain = Exclude<Shape, { kind: "object" | "list" }>;

function Input({
  shape,
  title,
  about,
  name,
  isRequired,
  value,
  onChange,
  path,
}: Omit<Inside, "schema"> & {
  shape: Plain;
  title: string;
  about: string;
  name: string;
  isRequired: boolean;
}) {
  const text = useFormText();
  const { mistakes, proposals } = useContext(Context);
  const own = mistakes.find((mistake) => mistake.path === path);
  const common = {
    label: title,
    description: about || undefined,
    required: isRequired,
    error: own && text.mistakes[own.kind],
    id: path,
    inputWrapperOrder: ORDER,
  };
  const typed = typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
  switch (shape.kind) {
    case "choice":
      return (
        <Select
          {...common}
          data={shape.values}
          value={typed || null}
          onChange={(chosen) => onChange(chosen ?? undefined)}
          clearable={!isRequired}
          searchable={shape.values.length > 8}
        />
      );
    case "flag":
      return (
        <Select
          {...common}
          data={[
            { value: "true", label: text.yes },
            { value: "false", label: text.no },
          ]}
          value={typeof value === "boolean" ? String(value) : null}
          onChange={(chosen) => onChange(chosen === null ? undefined : chosen === "true")}
          clearable={!isRequired}
        />
      );
    case "number":
      return (
        <NumberInput
          {...common}
          value={typeof value === "number" ? value : ""}
          onChange={(number) => onChange(number === "" ? undefined : Number(number))}
          min={shape.least}
          max={shape.most}
          step={shape.step}
          allowDecimal={!shape.isWhole}
          clampBehavior="none"
        />
      );
    case "time":
      return (
        <TextInput
          {...common}
          type="datetime-local"
          step={1}
          value={toLocal(typed, "second")}
          onChange={(event) => onChange(fromLocal(event.currentTarget.value) ?? undefined)}
        />
      );
    case "json":
      return (
        <JsonInput
          {...common}
          className={classes.wide}
          value={
            value instanceof Unread ? value.text : value === undefined ? "" : JSON.stringify(value, null, 2)
          }
          onChange={(json) => onChange(readJson(json))}
          autosize
          minRows={2}
        />
      );
    case "text":
      if (shape.most !== undefined && shape.most > LONG * 2) {
        return (
          <Textarea
            {...common}
            className={classes.wide}
            value={typed}
            onChange={(event) => onChange(event.currentTarget.value)}
            autosize
            minRows={1}
            maxRows={8}
          />
        );
      }
      return <Autocomplete {...common} data={proposals[name] ?? []} value={typed} onChange={onChange} />;
  }
}

/** Return what stands below the name of a field: what OCPP says of it, its bounds, and what holds if it is left empty. */
function useAbout(given: Schema, shape: Shape): string {
  const text = useFormText();
  const { root } = useContext(Context);
  const schema = resolved(given, root);
  const said = given.description ?? (shape.kind === "object" ? undefined : schema.description) ?? "";
  const plain =
    said
      .split(/urn:x-\S+/)
      .at(-1)
      ?.trim() ?? ""; // what stands before is its place in OCPP's own model
  const sentences = [shape.kind === "time" ? "" : (plain.split(/\.\s|\r?\n/)[0] ?? "")]; // how JSON writes it
  if (shape.kind === "number") sentences.push(bounds(shape.least, shape.most));
  const usual = schema.default;
  if (usual !== undefined && usual !== null && usual !== "" && typeof usual !== "object") {
    sentences.push(text.usually(typeof usual === "string" ? usual : JSON.stringify(usual)));
  }
  return sentences
    .map((each) => each.replaceAll(/\s+/g, " ").trim().replace(/\.$/, ""))
    .filter(Boolean)
    .join(". ");

  function bounds(least: number | undefined, most: number | undefined): string {
    const isWorth = most !== undefined && most <= 1000;
    if (least !== undefined && isWorth) return text.between(String(least), String(most));
    if (isWorth) return text.atMost(String(most));
    return least === undefined || least === 0 ? "" : text.atLeast(String(least));
  }
}

function Add({ title, onClick }: { title: string; onClick: () => void }) {
  return (
    <Button
      variant="default"
      size="compact-sm"
      w="max-content"
      leftSection={<IconPlus size={14} aria-hidden />}
      onClick={onClick}
    >
      {title}
    </Button>
  );
}

function Remove({ title, onClick }: { title: string; onClick: () => void }) {
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-sm"
      w="max-content"
      leftSection={<IconX size={14} aria-hidden />}
      onClick={onClick}
    >
      {title}
    </Button>
  );
}
