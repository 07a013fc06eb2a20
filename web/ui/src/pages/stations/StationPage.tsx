import { Anchor, Group } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArrowLeft, IconChargingPile } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { may, mayIn, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Sections } from "../../components/Sections";
import { State } from "../../components/State";
import { ZoneOf } from "../../components/ZoneOf";
import { stationAddress, useSegments } from "../../lib/location";
import { useTopic } from "../../live/live";
import { CommandPanel } from "./commands/CommandPanel";
import { Charging } from "./Charging";
import { Configuration } from "./Configuration";
import { Files } from "./Files";
import { History } from "./History";
import { StationOverview } from "./StationOverview";
import { useText } from "./text";

type Station = Schemas["StationInFull"];
type Kept = Schemas["CsmsStationInFull"];

/** One station: what it is and does now, what it can be told, and what the management system keeps of it. */
export function StationPage({ identity }: { identity: string }) {
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const section = useSegments()[2] ?? "";
  const key = ["stations", "one", identity];
  const isSeen = may(me, "viewer"); // who is of its network alone sees what the management system keeps of it
  const station = useQuery({
    queryKey: key,
    enabled: isSeen,
    queryFn: () => result(api.GET("/api/v1/stations/{identity}", { params: { path: { identity } } })),
  });
  const kept = useKept(identity);
  useTopic(isSeen ? { subscribe: "station", identity } : undefined, (item) => {
    if (item.kind === "row") client.setQueryData<Station>(key, item.data as Station);
    else if (item.kind === "gone") void client.invalidateQueries({ queryKey: key });
  });
  const shown = station.data;
  const error = isSeen ? station.error : kept.error;
  if (!isSeen && kept.data === null) return <NotThere />;
  if (shown === undefined && !kept.data && error !== null) {
    return error instanceof Problem && error.status === 404 ? (
      <NotThere />
    ) : (
      <Failure error={error} retry={() => void (isSeen ? station : kept).refetch()} />
    );
  }
  const isConnected = shown?.connected ?? kept.data?.connected;
  return (
    <ZoneOf network={kept.data?.network}>
      <Back />
      <PageHead title={identity} about={shown && shown.name !== identity ? shown.name : undefined}>
        {isConnected !== undefined && (
          <State mood={isConnected ? "good" : "quiet"}>{isConnected ? text.connected : text.away}</State>
        )}
      </PageHead>
      <SectionLinks identity={identity} section={section} kept={kept.data ?? null} />
      {(kept.data !== undefined || kept.error !== null || section === "") && (
        <Section section={section} identity={identity} station={shown} kept={kept.data ?? null} />
      )}
    </ZoneOf>
  );
}

/** The sections that somebody may see: those of the management system only for its own stations. */
function SectionLinks({ identity, section, kept }: { identity: string; section: string; kept: Kept | null }) {
  const text = useText();
  const me = useMe();
  const isOperator = may(me, "operator") || (kept !== null && mayIn(me, kept.network, "operator"));
  const here = stationAddress(identity);
  const sections: [string, string][] = [[here, text.sections.overview]];
  if (isOperator) sections.push([`${here}/commands`, text.sections.commands]);
  if (kept !== null) {
    sections.push(
      [`${here}/configuration`, text.sections.configuration],
      [`${here}/charging`, text.sections.charging],
      [`${here}/history`, text.sections.history],
      [`${here}/files`, text.sections.files],
    );
  }
  if (sections.length === 1) return null;
  return (
    <Sections label={identity} sections={sections} current={section === "" ? here : `${here}/${section}`} />
  );
}

function Section({
  section,
  identity,
  station,
  kept,
}: {
  section: string;
  identity: string;
  station: Station | undefined;
  kept: Kept | null;
}) {
  const text = useText();
  if (section === "commands") return <CommandPanel station={station} kept={kept} />;
  if (section === "") return <StationOverview identity={identity} station={station} kept={kept} />;
  if (kept === null) {
    return (
      <Empty icon={IconChargingPile} title={text.notKept}>
        {text.notKeptHelp}
      </Empty>
    );
  }
  switch (section) {
    case "configuration":
      return <Configuration station={kept} />;
    case "charging":
      return <Charging station={kept} />;
    case "history":
      return <History station={kept} />;
    default:
      return <Files station={kept} />;
  }
}

/** What the management system keeps of a station; null where there is none, or it does not keep this one. */
function useKept(identity: string) {
  return useQuery({
    queryKey: ["csms", "stations", identity],
    queryFn: async () => {
      try {
        return await result(api.GET("/api/v1/csms/stations/{identity}", { params: { path: { identity } } }));
      } catch (error) {
        if (error instanceof Problem && [403, 404, 409].includes(error.status)) return null;
        throw error;
      }
    },
    refetchInterval: 10_000,
  });
}

function Back() {
  const text = useText();
  const me = useMe();
  return (
    <Anchor
      component={Link}
      href={may(me, "viewer") ? "/stations" : "/networks"}
      size="sm"
      c="dimmed"
      display="inline-flex"
      mb={4}
    >
      <Group gap={4} component="span">
        <IconArrowLeft size={14} aria-hidden /> {text.back}
      </Group>
    </Anchor>
  );
}

function NotThere() {
  const text = useText();
  return (
    <>
      <Back />
      <Empty icon={IconChargingPile} title={text.notThere}>
        {text.notThereHelp}
      </Empty>
    </>
  );
}
