import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";

import { PageHead } from "../../components/PageHead";
import { Sections } from "../../components/Sections";
import { useText } from "./text";

const PARTS = { users: "/users", tokens: "/users/tokens" } as const;

/** The head of users or of tokens, with the way to the other, and what makes a new one. */
export function Head({ part, add, onAdd }: { part: keyof typeof PARTS; add: string; onAdd: () => void }) {
  const text = useText();
  return (
    <>
      <PageHead title={text[part]} about={part === "users" ? text.aboutUsers : text.aboutTokens}>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={onAdd}>
          {add}
        </Button>
      </PageHead>
      <Sections
        label={text.sections}
        sections={[
          [PARTS.users, text.users],
          [PARTS.tokens, text.tokens],
        ]}
        current={PARTS[part]}
      />
    </>
  );
}
