import { useSegments } from "../../lib/location";
import { BackendList } from "./BackendList";
import { BackendPage } from "./BackendPage";

/** `/backends`, and `/backends/NAME`. */
export default function Backends() {
  const name = useSegments()[1];
  return name ? <BackendPage key={name} name={name} /> : <BackendList />;
}
