import { useSegments } from "../../lib/location";
import { NetworkList } from "./NetworkList";
import { NetworkPage } from "./NetworkPage";

/** `/networks`, and `/networks/NETWORK`. */
export default function Networks() {
  const id = useSegments()[1];
  return id ? <NetworkPage key={id} id={id} /> : <NetworkList />;
}
