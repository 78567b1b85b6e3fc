// The keyboard map, as it is now.

import { Button, Table } from "@mantine/core";

import { commandName, Keys } from "./keys-form";
import { BOUND } from "./keys";
import { useChanges } from "./observable";
import { preferences } from "./preferences";
import { useWords } from "./words";

export function Help({ onKeys }: { onKeys: () => void }) {
  useChanges(preferences);
  const { t } = useWords();
  const { keymap } = preferences;
  const told = [
    ...BOUND.map((bound) => ({ label: commandName(bound, t), keys: keymap[bound] })),
    { label: t("command.canned"), keys: "/" },
    { label: t("command.open"), keys: "Enter" },
    { label: t("command.back"), keys: "Esc" },
  ];
  return (
    <>
      <p className="soft">{t(preferences.liked.letters ? "help.why" : "help.off")}</p>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("help.key")}</Table.Th>
            <Table.Th>{t("help.does")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {told.map(({ label, keys }) => (
            <Table.Tr key={label}>
              <Table.Td>
                <Keys keys={keys} />
              </Table.Td>
              <Table.Td>{label}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Button variant="default" mt="md" onClick={onKeys}>
        {t("keys.title")}
      </Button>
    </>
  );
}
