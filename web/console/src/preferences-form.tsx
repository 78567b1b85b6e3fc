// What an agent may turn here.

import { Button, Stack, Switch } from "@mantine/core";
import { useState } from "react";

import { useChanges } from "./observable";
import { printed } from "./keys";
import { preferences } from "./preferences";
import { useWords } from "./words";

export function PreferencesForm({ onKeys }: { onKeys: () => void }) {
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
      <Button variant="default" className="start" onClick={onKeys}>
        {t("keys.title")}
      </Button>
      <Switch
        label={t("preferences.enter")}
        description={t("preferences.enter.why", { keys: printed(preferences.keymap.send).join(" + ") })}
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
