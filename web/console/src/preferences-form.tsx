// What an agent may turn here.

import { Stack, Switch } from "@mantine/core";
import { useState } from "react";

import { MOD } from "./commands";
import { useChanges } from "./observable";
import { preferences } from "./preferences";
import { useWords } from "./words";

export function PreferencesForm() {
  useChanges(preferences);
  const { t } = useWords();
  const [refused, setRefused] = useState(false);
  const { liked } = preferences;

  async function askForDesktop(wanted: boolean): Promise<void> {
    const allowed = wanted && "Notification" in window && (await Notification.requestPermission()) === "granted";
    setRefused(wanted && !allowed);
    preferences.set({ desktop: allowed });
  }

  return (
    <Stack gap="lg">
      <Switch
        label={t("preferences.letters")}
        description={t("preferences.letters.why")}
        checked={liked.letters}
        onChange={(event) => preferences.set({ letters: event.currentTarget.checked })}
      />
      <Switch
        label={t("preferences.enter")}
        description={t("preferences.enter.why", { mod: MOD })}
        checked={liked.enterSends}
        onChange={(event) => preferences.set({ enterSends: event.currentTarget.checked })}
      />
      <Switch
        label={t("preferences.sound")}
        checked={liked.sound}
        onChange={(event) => preferences.set({ sound: event.currentTarget.checked })}
      />
      <Switch
        label={t("preferences.desktop")}
        checked={liked.desktop}
        error={refused && t("preferences.desktop.no")}
        onChange={(event) => void askForDesktop(event.currentTarget.checked)}
      />
    </Stack>
  );
}
