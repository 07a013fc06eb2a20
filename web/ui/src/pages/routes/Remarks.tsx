import { Anchor, Code, List, Stack } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { State } from "../../components/State";
import { useText } from "./text";

type Remark = Schemas["Remark"];

/** What `voltgate check` says of routes: each leads to its line. */
export function Remarks({ remarks, show }: { remarks: readonly Remark[]; show: (line: number) => void }) {
  const text = useText();
  const mistakes = remarks.filter((remark) => !remark.warning);
  const warnings = remarks.filter((remark) => remark.warning);
  if (remarks.length === 0) return <State mood="good">{text.fine}</State>;
  return (
    <Stack gap="sm" data-remarks>
      {mistakes.length > 0 && (
        <div>
          <State mood="bad">{text.mistakes}</State>
          <Said remarks={mistakes} show={show} />
        </div>
      )}
      {warnings.length > 0 && (
        <div>
          <State mood="warning">{text.warnings}</State>
          <Said remarks={warnings} show={show} />
        </div>
      )}
    </Stack>
  );
}

function Said({ remarks, show }: { remarks: readonly Remark[]; show: (line: number) => void }) {
  return (
    <List size="sm" spacing={4} mt={4}>
      {remarks.map((remark) => (
        <List.Item key={`${remark.key} ${remark.message}`} style={{ overflowWrap: "anywhere" }}>
          <Where remark={remark} show={show} /> <Code>{remark.key}</Code> {remark.message}
        </List.Item>
      ))}
    </List>
  );
}

function Where({ remark, show }: { remark: Remark; show: (line: number) => void }) {
  const text = useText();
  const { line } = remark;
  if (line === null) return remark.file_line === null ? null : `${text.fileLine(remark.file_line)}:`;
  return (
    <Anchor component="button" type="button" size="sm" c="var(--vg-accent)" onClick={() => show(line)}>
      {text.line(line)}:
    </Anchor>
  );
}
