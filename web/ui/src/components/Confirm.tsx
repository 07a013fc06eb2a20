import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { isFirst } from "../lib/clicks";
import { texts } from "../lib/i18n";
import { Failure } from "./Failure";

const useText = texts({ cancel: "Cancel", close: "Close" }, { cancel: "Abbrechen", close: "Schließen" });

/** Asks once before something that is dangerous, naming what will happen. */
export function Confirm({
  title,
  children,
  action,
  isOpen,
  isRunning,
  error,
  onConfirm,
  onClose,
}: {
  title: string;
  children: ReactNode;
  action: string;
  isOpen: boolean;
  isRunning: boolean;
  error: unknown;
  onConfirm: () => void;
  onClose: () => void;
}) {
  const text = useText();
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={title}
      centered
      closeButtonProps={{ "aria-label": text.close }}
    >
      <Stack>
        <Text size="sm" component="div">
          {children}
        </Text>
        {error !== null && <Failure error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} data-autofocus>
            {text.cancel}
          </Button>
          <Button color="red.9" loading={isRunning} onClick={(event) => isFirst(event) && onConfirm()}>
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
