import { Button, Group, Modal, Radio, Select, Skeleton, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";

import { useBackends, useRoutes } from "../../api/lists";
import { may, useMe } from "../../api/me";
import { Failure } from "../../components/Failure";
import { type Place, useAdmission, type Waiting } from "./deciding";
import { useText } from "./text";

/** The route of those whom a backend claims: nobody is let in onto it otherwise. */
const CLAIMED = "claimed";
/** Identities that are named; of more the number. */
const NAMED = 5;

/** Asks where stations go, says what that means, and lets them in. */
export function LetIn({ stations, onClose }: { stations: Waiting[]; onClose: () => void }) {
  const text = useText();
  const places = usePlaces();
  const identities = stations.map((station) => station.identity);
  const named = identities.slice(0, NAMED).join(", ");
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      title={identities.length === 1 ? text.letInOf(named) : text.letInMany(identities.length)}
      closeButtonProps={{ "aria-label": text.close }}
    >
      {places.error !== null ? (
        <Failure error={places.error} />
      ) : places.routes === undefined || places.backends === undefined ? (
        <Skeleton height={160} aria-busy />
      ) : (
        <Stack>
          {identities.length > 1 && (
            <Text size="sm" c="dimmed">
              {named}
              {identities.length > NAMED && ` ${text.andMore(identities.length - NAMED)}`}
            </Text>
          )}
          <Choice
            identities={identities}
            routes={places.routes}
            backends={places.backends}
            onClose={onClose}
          />
        </Stack>
      )}
    </Modal>
  );
}

function usePlaces() {
  const me = useMe();
  const routes = useRoutes();
  const backends = useBackends({ isEnabled: may(me, "admin") });
  return {
    error: routes.error ?? backends.error,
    routes: routes.data?.items.map((route) => route.name).filter((name) => name !== CLAIMED),
    // Only administrators claim for a backend.
    backends: may(me, "admin") ? backends.data?.items.map((backend) => backend.name) : [],
  };
}

function Choice({
  identities,
  routes,
  backends,
  onClose,
}: {
  identities: string[];
  routes: string[];
  backends: string[];
  onClose: () => void;
}) {
  const text = useText();
  const admission = useAdmission();
  const [kind, setKind] = useState<"route" | "backend">(routes.length > 0 ? "route" : "backend");
  const [route, setRoute] = useState(routes.length === 1 ? (routes[0] ?? null) : null);
  const [backend, setBackend] = useState(backends.length === 1 ? (backends[0] ?? null) : null);
  const place: Place | null =
    kind === "route" ? (route === null ? null : { route }) : backend === null ? null : { backend };
  if (routes.length === 0 && backends.length === 0) return <Text size="sm">{text.noPlace}</Text>;
  function letIn(chosen: Place) {
    admission.mutate(
      { identities, place: chosen },
      {
        onSuccess: (contested) => {
          notifications.show({
            color: contested > 0 ? "orange" : "green",
            title: identities.length === 1 ? text.isIn(identities[0] ?? "") : text.areIn(identities.length),
            message: contested > 0 ? text.contested(contested) : text.comesAgain,
          });
          onClose();
        },
      },
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (place !== null) letIn(place);
      }}
    >
      <Stack>
        {routes.length > 0 && backends.length > 0 && (
          <Radio.Group
            label={text.how}
            value={kind}
            onChange={(value) => setKind(value === "backend" ? "backend" : "route")}
          >
            <Group mt={4}>
              <Radio value="route" label={text.onRoute} />
              <Radio value="backend" label={text.forBackend} />
            </Group>
          </Radio.Group>
        )}
        {kind === "route" ? (
          <Select
            label={text.route}
            placeholder={text.chooseRoute}
            data={routes}
            value={route}
            onChange={setRoute}
            description={text.onRouteHelp}
            searchable={routes.length > 8}
          />
        ) : (
          <Select
            label={text.backend}
            placeholder={text.chooseBackend}
            data={backends}
            value={backend}
            onChange={setBackend}
            description={text.forBackendHelp}
            searchable={backends.length > 8}
          />
        )}
        {admission.error && <Failure error={admission.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {text.cancel}
          </Button>
          <Button type="submit" disabled={place === null} loading={admission.isPending}>
            {text.doLetIn}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
