// All commands, found by typing.

import { Spotlight, spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";
import { useEffect } from "react";

import type { Command } from "./commands";
import { Icon } from "./icons";
import { Keys } from "./keys-form";
import { useWords } from "./words";

const GROUPS = ["thread", "go", "general"] as const;

interface PaletteProps {
  commands: Command[];
  onClose: () => void;
}

export default function Palette({ commands, onClose }: PaletteProps) {
  const { t } = useWords();
  useEffect(() => spotlight.open(), []);
  const actions: SpotlightActionGroupData[] = GROUPS.map((group) => ({
    group: t(`command.group.${group}`),
    actions: commands
      .filter((command) => command.group === group && !command.off && command.id !== "palette")
      .map((command) => ({
        id: command.id,
        label: command.label,
        // The palette goes first: what the command opens is to have the keyboard.
        onClick: () => setTimeout(command.run),
        rightSection: command.keys ? (
          <Keys keys={command.keys} />
        ) : null,
      })),
  })).filter(({ actions: found }) => found.length > 0);
  return (
    <Spotlight
      attributes={{ content: { "aria-label": t("command.palette") } }}
      onSpotlightClose={onClose}
      actions={actions}
      shortcut={null}
      overlayProps={{ backgroundOpacity: 0.55, blur: 0 }}
      nothingFound={t("palette.none")}
      searchProps={{ placeholder: t("palette.hint"), "aria-label": t("palette.hint"), leftSection: <Icon name="search" /> }}
      scrollable
      maxHeight={420}
    />
  );
}
