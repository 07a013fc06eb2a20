import { Code } from "@mantine/core";
import { IconDatabaseOff } from "@tabler/icons-react";

import { Problem } from "../api/problem";
import { texts } from "../lib/i18n";
import { Empty } from "./Empty";

const useText = texts(
  {
    title: "No management system here",
    help: "This gateway passes messages on to other management systems. Its own keeps stations, tokens and tariffs: give it a database, and a backend with",
  },
  {
    title: "Hier gibt es kein Managementsystem",
    help: "Dieses Gateway gibt Nachrichten an andere Managementsysteme weiter. Sein eigenes führt Stationen, Token und Tarife: Geben Sie ihm eine Datenbank und ein Backend mit",
  },
);

/** Return whether a list was refused because the gateway has no management system of its own. */
export function isUnmanaged(error: unknown): boolean {
  return error instanceof Problem && error.status === 409;
}

/** Says that the management system is not there, and how to have it. */
export function Unmanaged() {
  const text = useText();
  return (
    <Empty icon={IconDatabaseOff} title={text.title}>
      {text.help} <Code>url = "local:"</Code>.
    </Empty>
  );
}
