// The page on personas: what each one's card says, and what the conversations say of it.

import { Button, Skeleton } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { date, whole } from "@samtal/shared/time";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link } from "wouter";

import { ask, Refusal } from "./api";
import { usePersonas, type Persona } from "./customer";
import { isPersonaKey, personaWords } from "./persona-texts";
import { perhaps, useWords, type Words } from "./words";
import "./personas.css";

const LISTS = ["demographics", "behaviour", "motivations", "objectives", "value_drivers", "pain_points"] as const;
const KINDS = ["stages", "channels", "languages", "needs"] as const;

type Kind = (typeof KINDS)[number];
type PersonaText = { description: string } & Record<(typeof LISTS)[number], string[]>;
type Say = ReturnType<typeof personaWords>;

interface Share {
  key: string;
  /** None: under the fewest that are shown, or it would give such a one away. */
  count: number | null;
  share: number | null;
  before: number | null;
  drift: "up" | "down" | null;
}

type Evidence = Record<Kind, Share[]> & {
  at: string;
  fewest: number;
  compared_at: string | null;
  active: number | null;
  ever: number | null;
};

interface PersonaCard extends Persona {
  default: boolean;
  organisation: boolean;
  since: string | null;
  card: { sv: PersonaText; en: PersonaText };
  evidence: Evidence | null;
}

export default function PersonasPage({ wanted }: { wanted: string | null }) {
  const words = useWords();
  const say = personaWords(words.language);
  const personas = usePersonas();
  return (
    <main className="personas" id="thread" tabIndex={-1}>
      <nav aria-label={say("lists")}>
        <ul>
          {personas.map((one) => (
            <li key={one.key}>
              <Link href={`/desk/personas/${one.key}`} aria-current={one.key === wanted ? "page" : undefined}>
                {one.names[words.language]}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {wanted ? <OnePersona key={wanted} wanted={wanted} words={words} say={say} /> : <Nothing words={words} say={say} />}
    </main>
  );
}

function Nothing({ words, say }: { words: Words; say: Say }) {
  return (
    <div className="persona">
      <Heading>{words.t("personas.title")}</Heading>
      <p className="soft">{say("choose")}</p>
      <p className="soft">{say("choose.why")}</p>
    </div>
  );
}

// The keyboard goes where the page begins, as on a page of its own.
function Heading({ children }: { children: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <h1 ref={heading} tabIndex={-1} dir="auto">
      {children}
    </h1>
  );
}

function OnePersona({ wanted, words, say }: { wanted: string; words: Words; say: Say }) {
  const found = useQuery({
    queryKey: ["persona", wanted],
    queryFn: ({ signal }) => ask<PersonaCard>("GET", `/personas/${encodeURIComponent(wanted)}`, { signal }),
    retry: (tries, error) => tries < 1 && !(error instanceof Refusal),
    // A page that was left open shows what was counted since.
    refetchInterval: 10 * 60_000,
  });
  const persona = found.data;
  if (persona) return <Card persona={persona} words={words} say={say} />;
  if (!found.isError) {
    return (
      <div className="persona" aria-busy="true">
        <p className="visually-hidden" role="status">
          {say("loading")}
        </p>
        <Skeleton height={28} width={180} mb="md" />
        <Skeleton height={140} mb="md" />
        <Skeleton height={220} />
      </div>
    );
  }
  const isMissing = found.error instanceof Refusal && [404, 422].includes(found.error.status);
  return (
    <div className="persona">
      <p role="alert">{say(isMissing ? "missing" : "failed")}</p>
      {!isMissing && (
        <Button variant="default" loading={found.isFetching} onClick={() => void found.refetch()}>
          {say("again")}
        </Button>
      )}
    </div>
  );
}

function Card({ persona, words, say }: { persona: PersonaCard; words: Words; say: Say }) {
  const { language } = words;
  const text = persona.card[language];
  const lists = LISTS.filter((name) => text[name].length > 0);
  return (
    <article className="persona">
      <Heading>{persona.names[language]}</Heading>
      {persona.default && <p className="soft">{say("default")}</p>}
      {persona.organisation && <p className="soft">{say("organisation")}</p>}
      {text.description && (
        <p className="persona-about" dir="auto">
          {text.description}
        </p>
      )}
      {!text.description && !lists.length && <p className="soft">{say("no.card")}</p>}
      <div className="persona-lists">
        {lists.map((name) => (
          <section key={name}>
            <h2>{say(name)}</h2>
            <ul className="persona-points">
              {text[name].map((item) => (
                <li key={item} dir="auto">
                  {item}
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
      <p className="soft small">{persona.since ? say("since", { date: date(persona.since, language) }) : say("since.now")}</p>
      <Counted evidence={persona.evidence} words={words} say={say} />
    </article>
  );
}

function Counted({ evidence, words, say }: { evidence: Evidence | null; words: Words; say: Say }) {
  return (
    <section className="persona-evidence" aria-labelledby="evidence">
      <h2 id="evidence">{say("evidence")}</h2>
      {evidence ? <Numbers evidence={evidence} words={words} say={say} /> : <p className="soft">{say("not.counted")}</p>}
    </section>
  );
}

function Numbers({ evidence, words, say }: { evidence: Evidence; words: Words; say: Say }) {
  const { active, ever, fewest, compared_at: comparedAt } = evidence;
  const { language } = words;
  return (
    <>
      <p>
        <strong>{basedOn(active, fewest, say)}</strong> {ever !== null && ever > 0 && say("ever", { n: ever })}
      </p>
      <p className="soft small">{say("counted", { time: whole(evidence.at, language) })}</p>
      {active !== null && active > 0 && (
        <div className="persona-counts">
          {KINDS.map((kind) => (
            <section key={kind}>
              <h3>{say(kind)}</h3>
              <Bars shares={evidence[kind]} kind={kind} fewest={fewest} words={words} say={say} />
            </section>
          ))}
        </div>
      )}
      <p className="soft small">{say("few.why", { few: fewest })}</p>
      <p className="soft small">{comparedAt ? say("compared", { date: date(comparedAt, language) }) : say("not.compared")}</p>
    </>
  );
}

function basedOn(active: number | null, few: number, say: Say): string {
  if (active === null) return say("based.few", { few });
  return active ? say("based", { n: active }) : say("based.none");
}

interface BarsProps {
  shares: Share[];
  kind: Kind;
  fewest: number;
  words: Words;
  say: Say;
}

function Bars({ shares, kind, fewest, words, say }: BarsProps) {
  if (!shares.length) return <p className="soft">{say("nobody")}</p>;
  return (
    <ul className="bars">
      {shares.map((one) => (
        <li key={one.key}>
          <span>{nameOf(one.key, kind, words, say)}</span>
          <span className="soft">
            {one.count === null ? say("few", { few: fewest }) : say("share", { share: percent(one.share), n: one.count })}
          </span>
          <span className="bar" aria-hidden="true">
            <span style={{ width: `${percent(one.share)}%` }} />
          </span>
          {one.drift && <span className="drift">{say(one.drift, { before: percent(one.before) })}</span>}
        </li>
      ))}
    </ul>
  );
}

function nameOf(key: string, kind: Kind, words: Words, say: Say): string {
  if (key === "unknown") return say("unknown");
  if (kind === "channels") return channelName(key, words.language);
  if (kind === "needs") {
    const need = `need.${key}`;
    return isPersonaKey(need) ? say(need) : key;
  }
  return perhaps(words, kind === "stages" ? "stage" : "language", key);
}

function percent(share: number | null): number {
  return Math.round((share ?? 0) * 100);
}
