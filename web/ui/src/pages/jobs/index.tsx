import { useSegments } from "../../lib/location";
import { JobList } from "./JobList";
import { JobPage } from "./JobPage";
import { NewJob } from "./NewJob";

/** `/jobs`, `/jobs/new`, and `/jobs/ID`. */
export default function Jobs() {
  const which = useSegments()[1];
  if (which === "new") return <NewJob />;
  return which ? <JobPage key={which} id={which} /> : <JobList />;
}
