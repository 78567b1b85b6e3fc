// How sure we are of who somebody is: a mark with its word, and what it means.

import type { Assurance } from "./customer";
import type { Level } from "./model";
import { useWords, type Words } from "./words";

/** The mark: its colour says nothing that its text does not. */
export function LevelBadge({ level, short = false }: { level: Level; short?: boolean }) {
  const { t } = useWords();
  const name = t(`level.${level}`);
  return (
    <span className="level" data-level={level} title={`${name}. ${t(`level.${level}.why`)}`}>
      {level}
      <span className={short ? "visually-hidden" : undefined}> {name}</span>
    </span>
  );
}

/** Why it is this level, in plain words. */
export function levelWhy({ level, proof, by_agent, weak }: Assurance, { t }: Words): string {
  const said = [by_agent ? t("level.by_agent") : t(`level.${level}.why`)];
  if (weak && level !== "L4") said.push(t("level.weak"));
  if (proof && !by_agent) said.push(t("level.proof", { proof: t(`proof.${proof}` as "proof.code") }));
  return said.join(" ");
}
