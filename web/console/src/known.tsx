// The parts of the customer card that the server puts together: who they are, and what happened.

import { Button, Group } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";
import type { ReactNode } from "react";

import { personaName, usePersonas, type Act, type Card, type Case, type Fact, type Suggestion } from "./customer";
import { factOf, momentTo, percent } from "./describe";
import { Icon } from "./icons";
import { LevelBadge } from "./level";
import { identityWords, linkWords } from "./link-forms";
import { FillIn, Profile, sourceOf, Told } from "./profile";
import type { Screen } from "./screen";
import { perhaps, useWords, type Words } from "./words";

/** The links that hold the channels together, each with its end. */
export function Links({ card, screen }: { card: Card; screen: Screen }) {
  const words = useWords();
  const { t } = words;
  return (
    <>
      {card.links.length > 0 && (
        <ul className="known-list" aria-label={t("card.links")}>
          {card.links.map((held) => (
            <li key={held.link.id}>
              <p>
                <Icon name="link" size={14} /> <bdi>{linkWords(held, words)}</bdi>
                {held.revealed && <span className="soft"> · {t("card.revealed")}</span>}
              </p>
              {card.may_link && (
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t("unlink.this", { link: linkWords(held, words) })}
                  onClick={() => screen.show({ name: "unlink", link: held.link.id })}
                >
                  {t("unlink.do")}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {card.conflicts.map((entry) => (
        <p key={entry.id} className="said-warn" data-conflict>
          <Icon name="warn" size={14} /> {t("card.conflicting", { time: momentTo(entry.at, words) })}
        </p>
      ))}
      {card.proposals.map((entry) => (
        <p key={entry.id} className="said-warn">
          {entry.by.kind === "agent" && t("card.proposed", { name: entry.by.name })}{" "}
          {entry.body.kind === "link_proposed" && <bdi>{entry.body.reason}</bdi>}
        </p>
      ))}
      {card.may_link && (
        <Button size="compact-sm" variant="default" onClick={() => screen.show({ name: "link" })}>
          {t("link.title")}
        </Button>
      )}
    </>
  );
}

/** Claims, the profile with what contradicts it, suggestions, and what they allow. */
export function WhoTheyAre({ card, screen }: { card: Card; screen: Screen }) {
  const words = useWords();
  const personas = usePersonas();
  const { t, language } = words;
  return (
    <>
      <section>
        <h3>{t("card.known")}</h3>
        {card.vip && <p className="said-warn">{t("card.vip")}</p>}
        <dl>
          <Profile card={card} />
          {card.claims.map((claim) => (
            <div className="pair" key={`${claim.what} ${claim.value}`}>
              <dt>{t(`claim.${claim.what}`)}</dt>
              <dd>
                <bdi className="value">{claim.value}</bdi>
                {claim.verified ? (
                  <Told source={claim.source} at={claim.at} verified />
                ) : (
                  <span className="proof">
                    {t("card.claims")} · {sourceOf(claim.source, words)} · {momentTo(claim.at, words)}
                  </span>
                )}
              </dd>
            </div>
          ))}
        </dl>
        <FillIn card={card} />
      </section>
      {card.suggestions.length > 0 && (
        <section>
          <h3>{t("card.suggestions")}</h3>
          <ul className="known-list">
            {card.suggestions.map((one) => (
              <OneSuggestion key={one.other} suggestion={one} mayLink={card.may_link} screen={screen} />
            ))}
          </ul>
        </section>
      )}
      {card.consents.length > 0 && (
        <section>
          <h3>{t("card.consents")}</h3>
          <dl>
            {card.consents.map((consent) => (
              <div className="pair" key={`${consent.channel} ${consent.purpose} ${consent.facet}`}>
                <dt>
                  {channelName(consent.channel, language)}
                  {consent.facet && <> · {t("consent.as", { persona: personaName(consent.facet, personas, language) })}</>}
                </dt>
                <dd>
                  {t(consent.allowed ? "consent.allowed" : "consent.refused", { purpose: perhaps(words, "purpose", consent.purpose) })}
                  <Told source={consent.source} at={consent.at} />
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}

function OneSuggestion({ suggestion, mayLink, screen }: { suggestion: Suggestion; mayLink: boolean; screen: Screen }) {
  const words = useWords();
  const { t } = words;
  const who = suggestion.identities.find((one) => one.id === suggestion.other);
  const name = who ? identityWords(who, words) : suggestion.thread;
  return (
    <li className="suggestion">
      <p>
        <strong dir="auto">{name}</strong> <span className="soft">{t("suggestion.score", { n: percent(suggestion.score) })}</span>
      </p>
      <ul className="evidence">
        {suggestion.evidence.map((one) => (
          <li key={`${one.what} ${one.value}`}>
            <bdi>
              {t(`claim.${one.what}`)} {one.value}
            </bdi>
            : {perhaps(words, "basis", one.basis)}
          </li>
        ))}
      </ul>
      {suggestion.conflict && (
        <p className="conflict">
          <Icon name="warn" size={13} /> {t("suggestion.conflict")}
        </p>
      )}
      {mayLink && (
        <Group gap={6}>
          {!suggestion.conflict && (
            <Button size="compact-xs" aria-label={t("link.this", { name })} onClick={() => screen.show({ name: "link", other: suggestion.other })}>
              {t("link.do")}
            </Button>
          )}
          <Button
            size="compact-xs"
            variant="default"
            aria-label={t("dismiss.this", { name })}
            onClick={() => screen.show({ name: "dismiss", other: suggestion.other })}
          >
            {t("dismiss.do")}
          </Button>
        </Group>
      )}
    </li>
  );
}

/** Orders, tickets and visits; the cases; and the log of who was found to be who. */
export function WhatHappened({ card }: { card: Card }) {
  const words = useWords();
  const { t } = words;
  const { first } = card.visits;
  return (
    <>
      {(card.facts.length > 0 || first) && (
        <Folded title={t("card.facts")} isOpen>
          <ol className="timeline">
            {happenings(card).map((fact) => (
              <FactLine key={fact.id} fact={fact} />
            ))}
          </ol>
          {first && <p className="soft small">{t("card.came", { source: cameFrom(first, words), time: momentTo(first.at, words) })}</p>}
        </Folded>
      )}
      {card.episodes.length > 0 && (
        <Folded title={t("card.episodes", { n: card.episodes.length })}>
          <ol className="timeline">
            {card.episodes.map((one) => (
              <CaseLine key={one.id} episode={one} />
            ))}
          </ol>
        </Folded>
      )}
      {card.acts.length > 0 && (
        <Folded title={t("card.acts", { n: card.acts.length })}>
          <ol className="timeline">
            {card.acts.map((act) => (
              <ActLine key={act.entry.id} act={act} card={card} />
            ))}
          </ol>
        </Folded>
      )}
    </>
  );
}

function Folded({ title, isOpen = false, children }: { title: string; isOpen?: boolean; children: ReactNode }) {
  return (
    <section>
      <details open={isOpen}>
        <summary>
          <h3>{title}</h3>
        </summary>
        {children}
      </details>
    </section>
  );
}

/** What happened, visits too, the newest first. */
function happenings({ facts, visits: { first, last } }: Card): Fact[] {
  const visits = !first || last.some((one) => one.id === first.id) ? last : [...last, first];
  return [...facts, ...visits].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

function FactLine({ fact }: { fact: Fact }) {
  const words = useWords();
  return (
    <li>
      <bdi>{happened(fact, words)}</bdi>
      <Told source={fact.partner ?? fact.source} at={fact.at} />
    </li>
  );
}

function CaseLine({ episode }: { episode: Case }) {
  const words = useWords();
  const { t } = words;
  return (
    <li>
      {t(`case.${episode.phase}`)}
      {episode.phase === "resolved" && episode.reason && ` · ${perhaps(words, "reason", episode.reason)}`}
      <span className="proof">
        {t("case.when", { opened: momentTo(episode.opened_at, words), changed: momentTo(episode.changed_at, words) })}
      </span>
    </li>
  );
}

function ActLine({ act, card }: { act: Act; card: Card }) {
  const words = useWords();
  const { t, language } = words;
  const personas = usePersonas();
  const { entry, levels } = act;
  const address = card.identities.find((one) => one.identity.id === entry.identity)?.identity.address;
  const view = { entry, address: address ?? { channel: "", account: "", user: "" } };
  const by = entry.by.kind === "agent" ? entry.by.name : t(`who.${entry.by.kind}`);
  return (
    <li>
      <bdi>{factOf(view, words, personas)}</bdi>
      {levels
        .filter((change) => change.before !== change.after)
        .map((change) => {
          const who = card.identities.find((one) => one.identity.id === change.identity)?.identity;
          return (
            <span className="level-change" key={change.identity}>
              {who && channelName(who.address.channel, language)} <LevelBadge level={change.before} short /> → <LevelBadge level={change.after} short />
            </span>
          );
        })}
      <span className="proof">
        {by} · <time dateTime={entry.at}>{whole(entry.at, language)}</time>
      </span>
    </li>
  );
}

function cameFrom(fact: Fact, words: Words): string {
  const { campaign, referrer } = fact.body;
  const more = [campaign, referrer].find((one): one is string => typeof one === "string");
  const said = perhaps(words, "traffic", String(fact.body.source));
  return more ? `${said} (${more})` : said;
}

/** An amount as people write it. */
function money(amount: string, currency: string, { language }: Words): string {
  return new Intl.NumberFormat(language, { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" }).format(Number(amount));
}

/** What a fact says, in one line. */
export function happened({ body }: Fact, words: Words): string {
  const { t } = words;
  const told = (name: string) => (typeof body[name] === "string" ? body[name] : "");
  const amount = () => money(told("amount"), told("currency"), words);
  switch (body.kind) {
    case "purchased":
      return t("happened.purchased", { order: told("order"), amount: amount() });
    case "delivered":
      return t("happened.delivered", { order: told("order") });
    case "returned":
      return t("happened.returned", { order: told("order"), amount: amount() });
    case "ticket_opened":
      return [t("happened.ticket_opened", { ticket: told("ticket") }), told("subject")].filter(Boolean).join(": ");
    case "ticket_closed":
      return t("happened.ticket_closed", { ticket: told("ticket") });
    case "tier_changed":
      return t("happened.tier_changed", { programme: told("programme"), tier: told("tier") });
    case "store_visited":
      return t("happened.store_visited", { store: told("store") });
    case "subscription_changed":
      return t("happened.subscription_changed", { plan: told("plan"), state: perhaps(words, "subscription", told("state")) });
    case "visited":
      return t("happened.visited", { page: told("title") || told("page") });
    default:
      return perhaps(words, "happened", body.kind);
  }
}
