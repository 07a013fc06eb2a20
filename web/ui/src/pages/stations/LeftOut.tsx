import { Alert } from "@mantine/core";

import { useText } from "./text";

/** Names the backends that have no part in a session. */
export function LeftOut({ names }: { names: string[] }) {
  const text = useText();
  if (names.length === 0) return null;
  return (
    <Alert m="md" mt={0} color="orange" variant="outline">
      {text.leftOut(names.join(", "))}
    </Alert>
  );
}
