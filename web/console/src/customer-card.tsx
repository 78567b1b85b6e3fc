// What is known about the customer.

import { ActionIcon, Button, CloseButton, Progress } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";
import type { ReactNode } from "react";

import { tell } from "./acts";
import { personaName, useCard, usePersonas, type CardIdentity, type JourneyNow } from "./customer";
import { useDesk } from "./desk";
import { momentTo, nameOf, ownerOf, percent, signOf } from "./describe";
import { ChannelIcon, Icon } from "./icons";
import { Links, WhatHappened, WhoTheyAre } from "./known";
import { LevelBadge, levelWhy } from "./level";
import type { Identity, Row, Share } from "./model";
import { preferences } from "./preferences";
import type { Screen } from "./screen";
import { perhaps, useWords } from "./words";

/** Beside the thread, where there is place for it. */
export function CustomerCard({ row, screen }: { row: Row; screen: Screen }) {
  const words = useWords();
  const { t } = words;
  return (
    <aside className="card" aria-label={t("card.title")} tabIndex={0}>
      <header className="card-head">
        <h2 dir="auto">{nameOf(row, words)}</h2>
        <CloseButton aria-label={t("card.close")} onClick={() => preferences.set({ card: false })} />
      </header>
      <Known row={row} screen={screen} />
    </aside>
  );
}

/** Over the thread. */
export function CardOver({ row, screen }: { row: Row; screen: Screen }) {
  return (
    <div className="card-over">
      <Known row={row} screen={screen} />
    </div>
  );
}

function Known({ row, screen }: { row: Row; screen: Screen }) {
  const desk = useDesk();
  const { card, failed } = useCard(row);
  const words = useWords();
  const { t } = words;
  const { owner, language } = row.state;
  const since = owner.kind === "agent" || owner.kind === "offered" ? owner.since : null;
  return (
    <>
      <section>
        <h3>{row.identities.length > 1 ? t("card.linked", { n: row.identities.length }) : t("card.where")}</h3>
        {row.identities.map((identity) => (
          <IdentityLines
            key={identity.id}
            identity={identity}
            isActive={identity.id === row.state.active}
            known={card?.identities.find((one) => one.identity.id === identity.id) ?? null}
          />
        ))}
        {card && <Links card={card} screen={screen} />}
      </section>
      {card && <WhoTheyAre card={card} screen={screen} />}
      {failed && !card && <p className="bad">{t("card.failed")}</p>}
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
          <Role row={row} screen={screen} />
        </dl>
      </section>
      <section>
        <h3>{t((row.state.facets?.length ?? 0) > 1 ? "card.facets" : "card.journey")}</h3>
        {card && card.at_risk.length > 0 && (
          <p className="bad at-risk">
            <strong>{t("card.at_risk")}</strong> {card.at_risk.map((fact) => `${String(fact.body.ticket)} · ${momentTo(fact.at, words)}`).join(", ")}
          </p>
        )}
        <Journeys row={row} now={card?.journeys ?? []} />
      </section>
      {card && <WhatHappened card={card} />}
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
  const { phase, opened_at, changed_at, until } = episode;
  const at = phase === "open" ? opened_at : phase === "snoozed" ? until : changed_at;
  return words.t(`card.episode.${phase}`, { time: at ? momentTo(at, words) : "" });
}

// Whom the customer speaks as in this case; agents know better than a guess from words.
function Role({ row, screen }: { row: Row; screen: Screen }) {
  const { t, language } = useWords();
  const personas = usePersonas();
  const { facet } = row.state;
  if (!facet || personas.length < 2) return null;
  return (
    <Pair name={t("facet.role")}>
      <span className="copied">
        {personaName(facet, personas, language)}
        <Button size="compact-xs" variant="default" aria-label={t("facet.title")} onClick={() => screen.show({ name: "facet" })}>
          {t("facet.change")}
        </Button>
      </span>
    </Pair>
  );
}

// One bar a stage; where the customer is several personas, for each of them.
function Journeys({ row, now }: { row: Row; now: JourneyNow[] }) {
  const { language, t } = useWords();
  const personas = usePersonas();
  const { facets = [], facet, belief } = row.state;
  const known = (persona: string) => now.find((one) => one.persona === persona);
  if (facets.length < 2) return <Journey belief={belief} now={now[0]} />;
  return (
    <ul className="facets">
      {facets.map((one) => (
        <li key={one.persona}>
          <h4>
            {personaName(one.persona, personas, language)}
            {one.persona === facet && <span className="soft"> · {t("card.facet.now")}</span>}
          </h4>
          <Journey belief={one.belief} now={known(one.persona)} />
        </li>
      ))}
    </ul>
  );
}

// As of now where the card is there: what was seen since the last message counts, and time does.
function Journey({ belief: then, now }: { belief: Share[]; now?: JourneyNow | undefined }) {
  const words = useWords();
  const shares = now?.belief ?? then;
  const belief = shares.filter(({ share }) => percent(share) > 0).sort((one, other) => other.share - one.share).slice(0, 4);
  if (!belief.length) return <p className="soft">{words.t("card.journey.none")}</p>;
  return (
    <>
      <ul className="journey">
        {belief.map(({ stage, share }) => (
          <li key={stage}>
            <span>{perhaps(words, "stage", stage)}</span>
            <span className="soft">{percent(share)} %</span>
            <Progress value={percent(share)} size="sm" aria-label={perhaps(words, "stage", stage)} />
          </li>
        ))}
      </ul>
      {now && now.because.length > 0 && <Because now={now} />}
    </>
  );
}

// What moved the belief last, from where, and how much each sign spoke for it.
function Because({ now: { stage, before, belief, because } }: { now: JourneyNow }) {
  const words = useWords();
  const share = (shares: Share[]) => percent(shares.find((one) => one.stage === stage)?.share ?? 0);
  return (
    <details className="because">
      <summary>{words.t("card.journey.why")}</summary>
      {before.length > 0 && stage && (
        <p className="soft small">{words.t("card.journey.moved", { stage: perhaps(words, "stage", stage), before: share(before), share: share(belief) })}</p>
      )}
      <ul>
        {because.map((sign) => (
          <li key={`${sign.kind} ${sign.what} ${sign.at}`}>
            {signOf(sign, words)} <span className="soft small">{momentTo(sign.at, words)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface IdentityProps {
  identity: Identity;
  isActive: boolean;
  known: CardIdentity | null;
}

function IdentityLines({ identity, isActive, known }: IdentityProps) {
  const words = useWords();
  const { t, language } = words;
  const { channel, user } = identity.address;
  return (
    <div className="identity">
      <p className="identity-head">
        <ChannelIcon channel={channel} />
        <strong>{channelName(channel, language)}</strong>
        {known && <LevelBadge level={known.assurance.level} />}
        {isActive && <span className="soft">{t("card.active")}</span>}
      </p>
      {known && (
        <p className="soft small">
          {levelWhy(known.assurance, words)} {t("card.since", { time: whole(known.assurance.since, language) })}
        </p>
      )}
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
      {!known && <p className="soft small">{t("card.since", { time: whole(identity.created_at, language) })}</p>}
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
