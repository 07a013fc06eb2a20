import { Button, Group, Modal, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { once } from "../lib/clicks";
import { texts } from "../lib/i18n";
import { Failure } from "./Failure";

const useText = texts({ cancel: "Cancel", close: "Close" }, { cancel: "Abbrechen", close: "Schließen" });

/** A form that stands over its page until it is sent or left. */
export function FormDialog({
  title,
  action,
  isRunning,
  error,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  /** What the button says that sends it. */
  action: string;
  isRunning: boolean;
  /** Why it was refused; null: it was not. */
  error: unknown;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const text = useText();
  return (
    <Modal opened onClose={onClose} title={title} size="lg" closeButtonProps={{ "aria-label": text.close }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <Stack>
          {children}
          {error !== null && <Failure error={error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {text.cancel}
            </Button>
            <Button type="submit" loading={isRunning} onClick={once}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
