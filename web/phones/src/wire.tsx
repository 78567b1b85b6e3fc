// What went between the hub and a provider, as it was on the wire.

import type { Language } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";

import { pretty } from "./pretty";
import type { Exchange, WireHeader } from "./server";
import type { Say } from "./texts";

interface Props {
  exchanges: Exchange[];
  name: string;
  say: Say;
  language: Language;
}

const SHOWN = 30;

export function Wire({ exchanges, name, say, language }: Props) {
  return (
    <div class="wire" role="region" aria-label={say("wire_label", { channel: name })} tabIndex={0}>
      <h3>{say("wire")}</h3>
      {exchanges.length === 0 && <p class="quiet">{say("wire_empty")}</p>}
      <ol>
        {exchanges
          .slice(-SHOWN)
          .reverse()
          .map((one) => (
            <li key={one.n}>
              <Row one={one} say={say} language={language} />
            </li>
          ))}
      </ol>
    </div>
  );
}

function Row({ one, say, language }: { one: Exchange; say: Say; language: Language }) {
  return (
    <details>
      <summary>
        <span class="way" data-way={one.way} title={say(`way_${one.way}`)}>
          <span aria-hidden="true">{one.way === "webhook" ? "→" : "←"}</span>
          <span class="unseen">{say(`way_${one.way}`)}: </span>
        </span>
        <code>
          {one.method} {one.path}
        </code>
        {one.headers.some(isSignature) && <span class="mark">{say("signed")}</span>}
        <span class="status" data-bad={one.status >= 400}>
          {one.status}
        </span>
        <time dateTime={one.at} title={whole(one.at, language)}>
          {new Date(one.at).toLocaleTimeString(language === "sv" ? "sv-SE" : "en-GB")}
        </time>
      </summary>
      <h4>{say("request")}</h4>
      <dl>
        {one.headers.map((header) => (
          <div key={header.name} data-proof={header.proof}>
            <dt>{header.name}</dt>
            <dd>
              <code>{header.value}</code> {header.proof && <span class="mark">{say("proof")}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <Body body={one.body} type={one.headers.find((header) => header.name === "content-type")?.value ?? ""} say={say} />
      <h4>
        {say("answer")} {one.status}
      </h4>
      <Body body={one.answer} type="" say={say} />
    </details>
  );
}

function Body({ body, type, say }: { body: string; type: string; say: Say }) {
  return body ? <pre>{pretty(body, type)}</pre> : <p class="quiet">{say("nothing")}</p>;
}

function isSignature(header: WireHeader): boolean {
  return header.proof && header.name.includes("signature");
}
