// All commands, found by typing.

import { Spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";

import { keysOf, type Command } from "./commands";
import { Icon } from "./icons";
import { useWords } from "./words";

const GROUPS = ["thread", "go", "general"] as const;

interface PaletteProps {
  commands: Command[];
  onClose: () => void;
}

export default function Palette({ commands, onClose }: PaletteProps) {
  const { t } = useWords();
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
          <span className="keys">
            {keysOf(command).map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </span>
        ) : null,
      })),
  })).filter(({ actions: found }) => found.length > 0);
  return (
    <Spotlight
      forceOpened
      onSpotlightClose={onClose}
      actions={actions}
      shortcut={null}
      nothingFound={t("palette.none")}
      searchProps={{ placeholder: t("palette.hint"), "aria-label": t("palette.hint"), leftSection: <Icon name="search" /> }}
      scrollable
      maxHeight={420}
    />
  );
}
