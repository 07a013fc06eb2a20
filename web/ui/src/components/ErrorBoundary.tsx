import { Button, Code, Container } from "@mantine/core";
import { IconBug } from "@tabler/icons-react";
import { Component, type ReactNode } from "react";

import { useAppText } from "../app/text";
import { Empty } from "./Empty";

/** Shows what broke in place of what is inside; another `place` is another try. */
export class ErrorBoundary extends Component<
  { place: string; children: ReactNode },
  { error: Error | null }
> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: { place: string }) {
    if (before.place !== this.props.place && this.state.error !== null) this.setState({ error: null });
  }

  override render() {
    return this.state.error === null ? this.props.children : <Broken error={this.state.error} />;
  }
}

function Broken({ error }: { error: Error }) {
  const text = useAppText();
  const isOld = /dynamically imported module|Importing a module|preload/i.test(error.message);
  return (
    <Container role="alert">
      <Empty icon={IconBug} title={isOld ? text.newVersion : text.crashed}>
        {!isOld && text.crashedHelp}
        {!isOld && (
          <Code block my="md">
            {error.message}
          </Code>
        )}
        <Button mt="md" onClick={() => window.location.reload()}>
          {text.reload}
        </Button>
      </Empty>
    </Container>
  );
}
