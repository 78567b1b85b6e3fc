// What lies over the page for a while; loaded when the first of them is asked for.

import { lazy } from "react";

import type { Command } from "./commands";
import { CardOver } from "./customer-card";
import { FacetForm, HandBackForm, ResolveForm, SnoozeForm, TransferForm } from "./forms";
import { Help } from "./help";
import { KeysForm } from "./keys-form";
import { PreferencesForm } from "./preferences-form";
import { DismissForm, LinkForm, UnlinkForm } from "./link-forms";
import type { Row } from "./model";
import type { Dialog, Screen } from "./screen";
import { Search } from "./search";
import { Sheet } from "./sheet";
import { SnippetsForm } from "./snippets-form";
import { Trace } from "./trace";
import { Understood } from "./understood";
import { useWords } from "./words";

const Palette = lazy(() => import("./palette"));

interface OverProps {
  dialog: Dialog;
  screen: Screen;
  commands: Command[];
  row: Row | undefined;
}

export default function Over({ dialog, screen, commands, row }: OverProps) {
  const { t } = useWords();
  const close = () => screen.show(null);
  if (dialog.name === "palette") return <Palette commands={commands} onClose={close} />;
  if (dialog.name === "trace") return <Trace entry={dialog.entry} onClose={close} />;
  if (dialog.name === "read") return <Understood entry={dialog.entry} onClose={close} />;
  const size = dialog.name === "search" ? "xl" : "md";
  return (
    <Sheet title={t(`${dialog.name}.title`)} onClose={close} size={size} side={dialog.name === "card"}>
      {inside()}
    </Sheet>
  );

  function inside() {
    switch (dialog.name) {
      case "help":
        return <Help onKeys={() => screen.show({ name: "keys" })} />;
      case "keys":
        return <KeysForm />;
      case "preferences":
        return <PreferencesForm onKeys={() => screen.show({ name: "keys" })} />;
      case "snippets":
        return <SnippetsForm />;
      case "search":
        return <Search onClose={close} />;
      case "card":
        return row && <CardOver row={row} screen={screen} />;
      case "link":
        return row && <LinkForm row={row} other={dialog.other ?? null} onClose={close} />;
      case "dismiss":
        return row && <DismissForm row={row} other={dialog.other} onClose={close} />;
      case "unlink":
        return row && <UnlinkForm row={row} link={dialog.link ?? null} onClose={close} />;
      case "transfer":
        return row && <TransferForm row={row} onClose={close} />;
      case "hand_back":
        return row && <HandBackForm row={row} onClose={close} />;
      case "resolve":
        return row && <ResolveForm row={row} onClose={close} />;
      case "facet":
        return row && <FacetForm row={row} onClose={close} />;
      case "snooze":
        return row && <SnoozeForm row={row} onClose={close} />;
    }
  }
}
