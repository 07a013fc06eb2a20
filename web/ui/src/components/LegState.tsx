import type { Schemas } from "../api/client";
import { texts } from "../lib/i18n";
import { type Mood, State } from "./State";

const useText = texts(
  { up: "Up", away: "Away", dialling: "Dialling", idle: "Not needed now", ended: "Ended" },
  { up: "Steht", away: "Weg", dialling: "Wird gewählt", idle: "Gerade nicht nötig", ended: "Beendet" },
);

const MOODS: Record<Schemas["Leg"]["state"], Mood> = {
  up: "good",
  away: "bad",
  dialling: "busy",
  idle: "quiet",
  ended: "quiet",
};

/** How a connection to a backend is. */
export function LegState({ state }: { state: Schemas["Leg"]["state"] }) {
  const text = useText();
  return <State mood={MOODS[state]}>{text[state]}</State>;
}
