import { may, useMe } from "../../api/me";
import { PageHead } from "../../components/PageHead";
import { Sections } from "../../components/Sections";
import { useSegments } from "../../lib/location";
import { Editing } from "./Editing";
import { Rules } from "./Rules";
import { useText } from "./text";

const RULES = "/routes";
const EDIT = "/routes/edit";

/** `/routes`: the rules in words, and which one would decide; `/routes/edit`: the same as TOML, to administrators. */
export default function Routes() {
  const text = useText();
  const me = useMe();
  const segments = useSegments();
  const isEditing = segments[1] === "edit" && may(me, "admin");
  return (
    <>
      <PageHead title={text.title} about={text.about} />
      {may(me, "admin") && (
        <Sections
          label={text.sections}
          sections={[
            [RULES, text.rules],
            [EDIT, text.edit],
          ]}
          current={isEditing ? EDIT : RULES}
        />
      )}
      {isEditing ? <Editing /> : <Rules />}
    </>
  );
}
