import { Button, CopyButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { ReactNode } from "react";

import { useText } from "./text";

/** A secret that is shown once, with a button that copies it. */
export function Once({
  title,
  label,
  secret,
  children,
  onClose,
}: {
  title: string;
  label: string;
  secret: string;
  children: ReactNode;
  onClose: () => void;
}) {
  const text = useText();
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      centered
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": text.close }}
    >
      <Stack>
        <Text size="sm" component="div">
          {children}
        </Text>
        <Group align="flex-end" gap="xs" wrap="nowrap">
          <TextInput
            label={label}
            value={secret}
            readOnly
            data-autofocus
            flex={1}
            onFocus={(event) => event.currentTarget.select()}
          />
          <CopyButton value={secret}>
            {({ copied, copy }) => {
              const Sign = copied ? IconCheck : IconCopy;
              return (
                <Button leftSection={<Sign size={16} aria-hidden />} onClick={copy}>
                  {copied ? text.copied : text.copy}
                </Button>
              );
            }}
          </CopyButton>
        </Group>
      </Stack>
    </Modal>
  );
}
