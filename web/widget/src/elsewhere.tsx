import { channelName, type Language } from "@samtal/shared/text";
import { clock } from "@samtal/shared/time";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Qr } from "./qr";
import type { Offer, Target } from "./shapes";
import type { Translate } from "./words";

const FOLLOWED = /^(https?|sms|viber):/i;

interface Props {
  target: Target;
  offer: Offer;
  language: Language;
  t: Translate;
  renew(): void;
  close(): void;
  /** Another way to the same end. */
  children?: ComponentChildren;
}

/** The code for going on with the conversation on another channel. */
export function Elsewhere({ target, offer, language, t, renew, close, children }: Props) {
  const channel = channelName(target.channel, language);
  const over = useOver(offer.expires_at);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), [offer]);
  const link = !over && offer.deep_link && FOLLOWED.test(offer.deep_link) ? offer.deep_link : null;
  return (
    <section id="code" class="panel" ref={panel} tabIndex={-1} aria-labelledby="code-title">
      <h3 id="code-title">{t("elsewhere", { channel })}</h3>
      <p>{t("codeIntro", { channel })}</p>
      <div class="code">
        <div>
          <p class={over ? "big over" : "big"}>{offer.code}</p>
          <p class="until" role="status">
            {over ? t("codeOver") : t("codeUntil", { time: clock(offer.expires_at, language) })}
          </p>
        </div>
        {link && (
          <figure>
            <Qr link={link} label={t("codeQr", { channel })} />
            <figcaption>{t("codeScan")}</figcaption>
          </figure>
        )}
      </div>
      {offer.repeat && <p class="then">{t("codeRepeat", { channel })}</p>}
      <div class="acts">
        {link && (
          <a class="button primary" href={link} target="_blank" rel="noopener noreferrer">
            {t("codeLink", { channel })}
          </a>
        )}
        {!over && <Copy code={offer.code} t={t} />}
        <button type="button" onClick={renew}>
          {t("codeNew")}
        </button>
        <button type="button" onClick={close}>
          {t("done")}
        </button>
      </div>
      {children}
    </section>
  );
}

function Copy({ code, t }: { code: string; t: Translate }) {
  const [copied, setCopied] = useState(false);
  if (!navigator.clipboard) return null; // only secure pages may write there
  const copy = () => void navigator.clipboard.writeText(code).then(() => setCopied(true), () => setCopied(false));
  return (
    <button type="button" onClick={copy}>
      {t(copied ? "copied" : "copy")}
    </button>
  );
}

function useOver(expires: string): boolean {
  const left = () => Date.parse(expires) - Date.now();
  const [over, setOver] = useState(left() <= 0);
  useEffect(() => {
    setOver(left() <= 0);
    const timer = setTimeout(() => setOver(true), Math.max(0, left()));
    return () => clearTimeout(timer);
  }, [expires]);
  return over;
}
