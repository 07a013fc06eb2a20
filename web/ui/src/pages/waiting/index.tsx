import { PageHead } from "../../components/PageHead";
import { Sections } from "../../components/Sections";
import { useSegments } from "../../lib/location";
import { Refused } from "./Refused";
import { useText } from "./text";
import { WaitingList } from "./WaitingList";

/** `/waiting`: unknown stations that want in; `/waiting/refused`: everything that was turned away at the door. */
export default function WaitingRoom() {
  const text = useText();
  const isRefused = useSegments()[1] === "refused";
  return (
    <>
      <PageHead title={text.title} about={isRefused ? text.aboutRefused : text.about} />
      <Sections
        label={text.parts}
        current={isRefused ? "/waiting/refused" : "/waiting"}
        sections={[
          ["/waiting", text.waiting],
          ["/waiting/refused", text.refused],
        ]}
      />
      {isRefused ? <Refused /> : <WaitingList />}
    </>
  );
}
