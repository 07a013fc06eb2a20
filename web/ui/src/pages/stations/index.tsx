import { useSegments } from "../../lib/location";
import { StationList } from "./StationList";
import { StationPage } from "./StationPage";

/** `/stations`, and `/stations/IDENTITY`. */
export default function Stations() {
  const identity = useSegments()[1];
  return identity ? <StationPage key={identity} identity={identity} /> : <StationList />;
}
