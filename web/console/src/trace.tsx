// Why the assistant said what it said: the decision as it was kept with the message.

import { Table } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import type { ReactNode } from "react";

import { useDesk } from "./desk";
import type { Decision, Gap } from "./model";
import { Sheet } from "./sheet";
import { verdictWords } from "./verdicts";
import { useWords } from "./words";

export function Trace({ entry, onClose }: { entry: string; onClose: () => void }) {
  const desk = useDesk();
  const { t } = useWords();
  const body = desk.opened?.views.find((view) => view.entry.id === entry)?.entry.body;
  const said = body?.kind === "message_out" ? body : null;
  return (
    <Sheet side title={t("trace.title")} onClose={onClose}>
      <blockquote className="quoted" dir="auto" lang={said?.language ?? undefined}>
        {said?.text}
      </blockquote>
      {said?.decision ? <Made decision={said.decision} /> : <p>{t("trace.none")}</p>}
      {said?.gap && <Missing gap={said.gap} />}
    </Sheet>
  );
}

function Made({ decision }: { decision: Decision }) {
  const words = useWords();
  const { t } = words;
  return (
    <>
      <dl className="trace">
        <Fact name={t("trace.rule")}>{decision.rule}</Fact>
        <Fact name={t("trace.slot")}>{decision.slot}</Fact>
        <Fact name={t("trace.variant")}>{decision.variant}</Fact>
        <Fact name={t("trace.locale")}>{decision.locale}</Fact>
        <Fact name={t("trace.snapshot")}>{decision.snapshot?.slice(0, 12)}</Fact>
      </dl>
      {decision.missing_locale && <p className="bad">{t("trace.missing")}</p>}
      {decision.candidates.length > 0 && (
        <Table withTableBorder>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("trace.candidates")}</Table.Th>
              <Table.Th>{t("trace.verdict")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {decision.candidates.map(({ variant, verdict }) => (
              <Table.Tr key={variant}>
                <Table.Td>
                  <code>{variant}</code>
                </Table.Td>
                <Table.Td>{verdictWords(verdict, words)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {decision.notes.length > 0 && (
        <section>
          <h3>{t("trace.notes")}</h3>
          <ul>
            {decision.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    children && (
      <div className="pair">
        <dt>{name}</dt>
        <dd>
          <code>{children}</code>
        </dd>
      </div>
    )
  );
}

function Missing({ gap }: { gap: Gap }) {
  const { t, language } = useWords();
  const { slot, locale, channel } = gap;
  return (
    <section>
      <h3>{t("trace.gap")}</h3>
      <p className="bad">{t("trace.gap.where", { slot, locale, channel: channelName(channel, language) })}</p>
    </section>
  );
}
