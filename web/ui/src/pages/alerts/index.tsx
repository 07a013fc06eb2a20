import { PageHead } from "../../components/PageHead";
import { Sections } from "../../components/Sections";
import { useSegments } from "../../lib/location";
import { Channels } from "./Channels";
import { Deliveries } from "./Deliveries";
import { History, Open } from "./List";
import { Mutes } from "./Mutes";
import { Rules } from "./Rules";
import { useText } from "./text";

const PARTS = { history: History, deliveries: Deliveries, channels: Channels, rules: Rules, mutes: Mutes };

/** `/alerts`: those that are open; behind it what was, the messages to people, channels, rules and mutes. */
export default function Alerts() {
  const text = useText();
  const segment = useSegments()[1] ?? "";
  const Part = segment in PARTS ? PARTS[segment as keyof typeof PARTS] : Open;
  return (
    <>
      <PageHead title={text.title} />
      <Sections
        label={text.parts}
        current={segment in PARTS ? `/alerts/${segment}` : "/alerts"}
        sections={[
          ["/alerts", text.open],
          ["/alerts/history", text.history],
          ["/alerts/deliveries", text.deliveries],
          ["/alerts/channels", text.channels],
          ["/alerts/rules", text.rules],
          ["/alerts/mutes", text.mutes],
        ]}
      />
      <Part />
    </>
  );
}
