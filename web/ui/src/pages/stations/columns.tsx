import { Badge, Group } from "@mantine/core";
import { Link } from "wouter";

import type { Schemas } from "../../api/client";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import { stationAddress } from "../../lib/location";
import classes from "./columns.module.css";
import type { useText } from "./text";

export type Station = Schemas["Station"];

/** Return the columns of the list of stations. */
export function columnsOf(text: ReturnType<typeof useText>, isCluster: boolean): Column<Station>[] {
  const columns: Column<Station>[] = [
    {
      key: "identity",
      title: text.identity,
      width: 140,
      grow: 1.4,
      sort: "identity",
      isFixed: true,
      render: (row) => (
        // The rows are walked through by the arrow keys, and Enter opens: links are no stops of their own.
        <Link href={stationAddress(row.identity)} tabIndex={-1} className={classes.open}>
          {row.identity}
        </Link>
      ),
      text: (row) => row.identity,
    },
    {
      key: "connected",
      title: text.state,
      width: 140,
      isNarrow: true,
      render: (row) => (
        <State mood={row.connected ? "good" : "quiet"}>{row.connected ? text.connected : text.away}</State>
      ),
      text: (row) => String(row.connected),
    },
    {
      key: "since",
      title: text.since,
      width: 140,
      sort: "since",
      render: (row) => row.since && <Time at={row.since} />,
      text: (row) => row.since ?? "",
    },
    {
      key: "version",
      title: text.version,
      width: 100,
      render: (row) => row.version,
      text: (row) => row.version ?? "",
    },
    {
      key: "route",
      title: text.route,
      width: 100,
      sort: "route",
      isOneWay: true,
      render: (row) => row.route,
      text: (row) => row.route ?? "",
    },
    {
      key: "owner",
      title: text.owner,
      width: 110,
      render: (row) => row.claimed_by,
      text: (row) => row.claimed_by ?? "",
    },
    {
      key: "name",
      title: text.name,
      width: 130,
      render: (row) => (row.name === row.identity ? "" : row.name),
      text: (row) => row.name,
    },
    {
      key: "tags",
      title: text.tags,
      width: 140,
      isShown: false,
      render: (row) => (
        <Group gap={4} wrap="nowrap">
          {row.tags.map((tag) => (
            <Badge key={tag} size="sm" color="gray" variant="outline" tt="none">
              {tag}
            </Badge>
          ))}
        </Group>
      ),
      text: (row) => row.tags.join(" "),
    },
    {
      key: "source",
      title: text.source,
      width: 120,
      isShown: false,
      render: (row) => text.sources[row.source],
      text: (row) => row.source,
    },
    {
      key: "address",
      title: text.address,
      width: 130,
      render: (row) => <span className="tabular">{row.address}</span>,
      text: (row) => row.address ?? "",
    },
    {
      key: "carrier",
      title: text.carrier,
      width: 100,
      isShown: false,
      render: (row) => row.carrier,
      text: (row) => row.carrier ?? "",
    },
  ];
  if (isCluster) {
    columns.push({
      key: "node",
      title: text.node,
      width: 110,
      render: (row) => row.node,
      text: (row) => row.node ?? "",
    });
  }
  return columns;
}
