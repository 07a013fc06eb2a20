import { Button, Checkbox, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { useBackends } from "../../api/lists";
import { Failure } from "../../components/Failure";
import { saidIn } from "../../lib/form";
import { ROLES } from "./roles";
import { useText } from "./text";

const SCOPES = [...ROLES, "backend"] as const;
type Scope = (typeof SCOPES)[number];

const DAYS = ["30", "90", "365", "never"] as const;
type Days = (typeof DAYS)[number];

/** A token to be made: with a role everywhere, or to claim for backends; and when it ends. */
export function NewToken({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (token: Schemas["Made"]) => void;
}) {
  const text = useText();
  const [scope, setScope] = useState<Scope>("viewer");
  const [chosen, setChosen] = useState<string[]>([]);
  const [days, setDays] = useState<Days>("365");
  const backends = useBackends({ isEnabled: scope === "backend" });
  const make = useMutation({
    mutationFn: (name: string) => {
      const may = scope === "backend" ? { backends: chosen } : { role: scope };
      const ends = days === "never" ? {} : { expires_in: Number(days) * 86_400 };
      return result(api.POST("/api/v1/tokens", { body: { name, ...may, ...ends } }));
    },
    onSuccess: onMade,
  });
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    make.mutate(saidIn(event.currentTarget)("name").trim());
  }
  return (
    <Modal
      opened
      onClose={onClose}
      title={text.newToken}
      centered
      closeButtonProps={{ "aria-label": text.close }}
    >
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            name="name"
            label={text.name}
            description={text.tokenName}
            required
            data-autofocus
            pattern="[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}"
          />
          <Select
            label={text.tokenRole}
            data={SCOPES.map((value) => ({
              value,
              label: value === "backend" ? text.claims : text.role[value],
            }))}
            value={scope}
            allowDeselect={false}
            onChange={(value) => setScope(SCOPES.find((known) => known === value) ?? "viewer")}
          />
          {scope === "backend" && (
            <Checkbox.Group
              label={text.claimsOf}
              description={text.claimsHelp}
              value={chosen}
              onChange={setChosen}
            >
              <Stack gap="xs" my="xs" style={{ maxHeight: 240, overflowY: "auto" }}>
                {backends.data?.items.map(({ name }) => (
                  <Checkbox key={name} value={name} label={name} />
                ))}
                {backends.data?.items.length === 0 && <Text size="sm">{text.noBackends}</Text>}
              </Stack>
            </Checkbox.Group>
          )}
          {scope === "backend" && backends.error && <Failure error={backends.error} />}
          <Select
            label={text.ends}
            data={DAYS.map((value) => ({ value, label: text.endsIn[value] }))}
            value={days}
            allowDeselect={false}
            onChange={(value) => setDays(DAYS.find((known) => known === value) ?? "365")}
          />
          {make.error && <Failure error={make.error} />}
          <Button
            type="submit"
            loading={make.isPending}
            disabled={scope === "backend" && chosen.length === 0}
          >
            {text.make}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
