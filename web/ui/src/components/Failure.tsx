import { Alert, Button, Group, List } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";

import { Problem, Unreachable } from "../api/problem";
import { useAppText } from "../app/text";

/** What went wrong with a request, in sentences, and what to do. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const text = useAppText();
  const said = describe(error, text);
  const Icon = error instanceof Unreachable ? IconPlugConnectedX : IconAlertTriangle;
  return (
    <Alert
      color="red"
      variant="outline"
      title={said.title}
      icon={<Icon aria-hidden />}
      role="alert"
      bg="var(--vg-surface)"
      styles={{ label: { color: "var(--vg-bad)" } }}
    >
      <Group justify="space-between" align="flex-start">
        <div>
          {said.sentences.join(" ")}
          {said.errors.length > 0 && (
            <List size="sm" mt="xs">
              {said.errors.map((one) => (
                <List.Item key={`${one.where} ${one.problem}`}>
                  <code>{one.where}</code> {one.problem}
                </List.Item>
              ))}
            </List>
          )}
        </div>
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            {text.again}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** Return what says an error in passing, where nothing on the page is its place; a `title` says what did not come of it. */
export function useFailureNotice(title?: string): (error: unknown) => void {
  const text = useAppText();
  return (error) => {
    const said = describe(error, text);
    notifications.show({ color: "red", title: title ?? said.title, message: said.sentences.join(" ") });
  };
}

type Text = ReturnType<typeof useAppText>;

/** What a proxy answers for a gateway that does not; the gateway's own answer says more. */
const PROXY = [502, 503, 504];

/** Return the sentences of an error. */
function describe(
  error: unknown,
  text: Text,
): { title: string; sentences: string[]; errors: { where: string; problem: string }[] } {
  if (error instanceof Problem) {
    const titles: Record<string, string> = text.status;
    const { detail, title } = error.document;
    if (detail === undefined && PROXY.includes(error.status)) return describe(new Unreachable(error), text);
    const sentences = [detail ?? title];
    if (error.retryAfter !== null) sentences.push(text.retryAfter(error.retryAfter));
    return { title: titles[String(error.status)] ?? title, sentences, errors: error.errors };
  }
  if (error instanceof Unreachable) {
    return { title: text.unreachable, sentences: [text.unreachableHelp], errors: [] };
  }
  return { title: text.failed, sentences: [String(error)], errors: [] };
}
