// What cannot be drawn takes nothing else with it.

import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { useWords } from "./words";

interface Props {
  children: ReactNode;
}

export class Boundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken again={() => this.setState({ broken: false })} /> : this.props.children;
  }
}

function Broken({ again }: { again: () => void }) {
  const { t } = useWords();
  return (
    <main className="thread nothing" id="thread" tabIndex={-1}>
      <h1>{t("thread.broken")}</h1>
      <p role="alert">{t("thread.broken.why")}</p>
      <Button onClick={again}>{t("again")}</Button>
    </main>
  );
}
