import { useSegments } from "../../lib/location";
import { Tokens } from "./Tokens";
import { Users } from "./Users";

/** `/users`: people who may sign in; `/users/tokens`: what programs sign in with. */
export default function Access() {
  return useSegments()[1] === "tokens" ? <Tokens /> : <Users />;
}
