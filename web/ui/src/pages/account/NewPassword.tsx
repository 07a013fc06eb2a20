import { PasswordInput } from "@mantine/core";
import { useState } from "react";

import { useText } from "./text";

const LEAST = 10;
const MOST = 1000;

/** A new password, written twice; the form is not sent while they differ. */
export function NewPassword({ isFirst = false }: { isFirst?: boolean }) {
  const text = useText();
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const differs = again !== "" && !next.startsWith(again);
  return (
    <>
      <PasswordInput
        name="new"
        label={text.next}
        description={text.rule}
        required
        autoFocus={isFirst}
        minLength={LEAST}
        maxLength={MOST}
        autoComplete="new-password"
        value={next}
        onChange={(event) => setNext(event.currentTarget.value)}
      />
      <PasswordInput
        label={text.again}
        required
        autoComplete="new-password"
        value={again}
        error={differs && text.differ}
        onChange={(event) => {
          const typed = event.currentTarget;
          setAgain(typed.value);
          typed.setCustomValidity(typed.value === next ? "" : text.differ);
        }}
      />
    </>
  );
}
