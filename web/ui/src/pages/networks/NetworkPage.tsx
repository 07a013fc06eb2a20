import { Anchor, Button, Group, Skeleton, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArrowLeft, IconPencil, IconSitemap, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { api, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import type { Network } from "../../api/networks";
import { Problem } from "../../api/problem";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { useFormat } from "../../lib/format";
import { navigate } from "../../lib/location";
import { NetworkForm } from "./NetworkForm";
import { People } from "./People";
import { Stations } from "./Stations";
import { useText } from "./text";

const MAIN = "main"; // the network of all stations that are in no other: it stays

/** One network: what is known of it, who may what in it, its stations. */
export function NetworkPage({ id }: { id: string }) {
  const text = useText();
  const network = useQuery({
    queryKey: ["networks", "one", id],
    queryFn: () => result(api.GET("/api/v1/networks/{network}", { params: { path: { network: id } } })),
  });
  if (network.data === undefined && network.error !== null) {
    if (isUnmanaged(network.error)) return <Unmanaged />;
    const isUnknown = network.error instanceof Problem && [404, 422].includes(network.error.status);
    if (!isUnknown) return <Failure error={network.error} retry={() => void network.refetch()} />;
    return (
      <>
        <Back />
        <Empty icon={IconSitemap} title={text.notThere}>
          {text.notThereHelp}
        </Empty>
      </>
    );
  }
  return (
    <>
      <Back />
      <PageHead title={network.data?.name ?? id} about={network.data?.location || undefined}>
        {network.data && <Actions network={network.data} />}
      </PageHead>
      <Stack>
        <Panel title={text.network}>
          {network.data === undefined ? <Skeleton height={44} aria-busy /> : <About network={network.data} />}
        </Panel>
        <People network={id} />
        <Stations network={id} />
      </Stack>
    </>
  );
}

function Back() {
  const text = useText();
  return (
    <Anchor component={Link} href="/networks" size="sm" c="dimmed" display="inline-flex" mb={4}>
      <Group gap={4} component="span">
        <IconArrowLeft size={14} aria-hidden /> {text.back}
      </Group>
    </Anchor>
  );
}

function About({ network }: { network: Network }) {
  const text = useText();
  const format = useFormat();
  return (
    <Facts
      facts={[
        [text.id, network.id],
        [text.stations, format.count(network.stations)],
        [text.connected, format.count(network.connected)],
        [text.timezone, network.timezone],
        [text.currency, network.currency ?? text.usual],
        [
          text.interval,
          network.interval === null ? text.usual : text.every(format.duration(network.interval)),
        ],
      ]}
    />
  );
}

function Actions({ network }: { network: Network }) {
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const [open, setOpen] = useState<"change" | "remove" | null>(null);
  const remove = useMutation({
    mutationFn: () =>
      result(api.DELETE("/api/v1/networks/{network}", { params: { path: { network: network.id } } })),
    onSuccess: () => {
      notifications.show({ color: "green", message: text.gone(network.name) });
      navigate("/networks");
      return client.invalidateQueries({ queryKey: ["networks"] });
    },
  });
  return (
    <>
      {may(me, "operator") && (
        <Button
          variant="default"
          leftSection={<IconPencil size={16} aria-hidden />}
          onClick={() => setOpen("change")}
        >
          {text.change}
        </Button>
      )}
      {may(me, "admin") && network.id !== MAIN && (
        <Button
          variant="default"
          c="var(--vg-bad)"
          leftSection={<IconTrash size={16} aria-hidden />}
          onClick={() => setOpen("remove")}
        >
          {text.remove}
        </Button>
      )}
      {open === "change" && <NetworkForm network={network} onClose={() => setOpen(null)} />}
      <Confirm
        title={text.removeTitle(network.name)}
        action={text.remove}
        isOpen={open === "remove"}
        isRunning={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setOpen(null)}
      >
        {text.removeHelp}
      </Confirm>
    </>
  );
}
