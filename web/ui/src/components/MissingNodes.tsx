import { Alert } from "@mantine/core";

import { useAppText } from "../app/text";

/** Says which nodes did not answer; nothing where all did. */
export function MissingNodes({ nodes }: { nodes: readonly string[] | undefined }) {
  const text = useAppText();
  if (nodes === undefined || nodes.length === 0) return null;
  return (
    <Alert color="orange" variant="outline" mb="sm" role="status">
      {text.missing(nodes.join(", "))}
    </Alert>
  );
}
