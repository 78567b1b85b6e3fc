// What is known about the customer.

import { ActionIcon, CloseButton, Progress } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";
import type { ReactNode } from "react";

import { tell } from "./acts";
import { useDesk } from "./desk";
import { momentTo, nameOf, ownerOf, percent } from "./describe";
import { ChannelIcon, Icon } from "./icons";
import type { Identity, Row } from "./model";
import { preferences } from "./preferences";
import { perhaps, useWords } from "./words";

/** Beside the thread, where there is place for it. */
export function CustomerCard({ row }: { row: Row }) {
  const words = useWords();
  const { t } = words;
  return (
    <aside className="card" aria-label={t("card.title")} tabIndex={0}>
      <header className="card-head">
        <h2 dir="auto">{nameOf(row, words)}</h2>
        <CloseButton aria-label={t("card.close")} onClick={() => preferences.set({ card: false })} />
      </header>
      <Known row={row} />
    </aside>
  );
}

/** Over the thread. */
export function CardOver({ row }: { row: Row }) {
  return (
    <div className="card-over">
      <Known row={row} />
    </div>
  );
}

function Known({ row }: { row: Row }) {
  const desk = useDesk();
  const words = useWords();
  const { t } = words;
  const { owner, language } = row.state;
  const since = owner.kind === "agent" || owner.kind === "offered" ? owner.since : null;
  return (
    <>
      <section>
        <h3>{row.identities.length > 1 ? t("card.linked", { n: row.identities.length }) : t("card.where")}</h3>
        {row.identities.map((identity) => (
          <IdentityLines key={identity.id} identity={identity} isActive={identity.id === row.state.active} />
        ))}
      </section>
      <section>
        <h3>{t("card.episode")}</h3>
        <dl>
          <Pair name={t("card.owner")}>
            {ownerOf(owner, desk.me.id, words)}
            {since && <span className="soft"> · {t("card.since", { time: momentTo(since, words) })}</span>}
          </Pair>
          <Pair name={t("card.episode")}>
            <Episode row={row} />
          </Pair>
          <Pair name={t("card.language")}>{language ? t(`language.${language}`) : t("card.language.unknown")}</Pair>
        </dl>
      </section>
      <section>
        <h3>{t("card.journey")}</h3>
        <Journey row={row} />
      </section>
    </>
  );
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="pair">
      <dt>{name}</dt>
      <dd dir="auto">{children}</dd>
    </div>
  );
}

function Episode({ row }: { row: Row }) {
  const words = useWords();
  const { episode } = row.state;
  if (!episode) return words.t("card.episode.none");
  const at = { open: episode.opened_at, snoozed: episode.until ?? "", resolved: episode.changed_at }[episode.phase];
  return words.t(`card.episode.${episode.phase}`, { time: at && momentTo(at, words) });
}

function Journey({ row }: { row: Row }) {
  const words = useWords();
  const belief = [...row.state.belief].sort((one, other) => other.share - one.share).slice(0, 4);
  if (!belief.length) return <p className="soft">{words.t("card.journey.none")}</p>;
  return (
    <ul className="journey">
      {belief.map(({ stage, share }) => (
        <li key={stage}>
          <span>{perhaps(words, "stage", stage)}</span>
          <span className="soft">{percent(share)} %</span>
          <Progress value={percent(share)} size="sm" aria-label={perhaps(words, "stage", stage)} />
        </li>
      ))}
    </ul>
  );
}

function IdentityLines({ identity, isActive }: { identity: Identity; isActive: boolean }) {
  const { t, language } = useWords();
  const { channel, user } = identity.address;
  return (
    <div className="identity">
      <p className="identity-head">
        <ChannelIcon channel={channel} />
        <strong>{channelName(channel, language)}</strong>
        {isActive && <span className="soft">{t("card.active")}</span>}
      </p>
      <dl>
        {identity.name && (
          <Pair name={t("card.name")}>
            <Copied what={t("card.name")} value={identity.name} />
            <span className="proof">{t("card.claimed")}</span>
          </Pair>
        )}
        {identity.phone && (
          <Pair name={t("card.phone")}>
            <Copied what={t("card.phone")} value={identity.phone} />
            <span className="proof good">
              <Icon name="check" size={13} />
              {t("card.attested")}
            </span>
          </Pair>
        )}
        {identity.username && (
          <Pair name={t("card.username")}>
            <Copied what={t("card.username")} value={identity.username} />
          </Pair>
        )}
        {identity.phone !== user && (
          <Pair name={t("card.user")}>
            <Copied what={t("card.user")} value={user} />
          </Pair>
        )}
      </dl>
      <p className="soft small">{t("card.since", { time: whole(identity.created_at, language) })}</p>
    </div>
  );
}

function Copied({ what, value }: { what: string; value: string }) {
  const words = useWords();
  const { t } = words;
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => tell(t("copied"), words),
      () => {},
    );
  return (
    <span className="copied">
      <bdi className="value">{value}</bdi>
      <ActionIcon variant="subtle" color="gray" size={24} className="quiet" aria-label={t("copy", { what })} title={t("copy", { what })} onClick={() => void copy()}>
        <Icon name="copy" size={14} />
      </ActionIcon>
    </span>
  );
}
