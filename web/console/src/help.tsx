// The keyboard map.

import { Table } from "@mantine/core";

import { keysOf, MOD, type Command } from "./commands";
import { useWords } from "./words";

export function Help({ commands }: { commands: Command[] }) {
  const { t } = useWords();
  const told = [
    ...commands.filter((command) => command.keys).map((command) => ({ label: command.label, keys: keysOf(command) })),
    { label: t("command.open"), keys: ["Enter"] },
    { label: t("command.send"), keys: [MOD, "Enter"] },
    { label: t("command.back"), keys: ["Esc"] },
  ];
  return (
    <>
      <p className="soft">{t("help.why")}</p>
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
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </Table.Td>
              <Table.Td>{label}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}
