// The words of the page on channels; loaded with it.

import { translator, type Catalogue, type Language } from "@samtal/shared/text";

const sv = {
  about: "Så här mår varje konto. Sidan uppdaterar sig själv.",
  loading: "Hämtar kanalerna",
  failed: "Kanalerna kunde inte hämtas. Det som visas kan vara gammalt.",
  again: "Försök igen",
  empty: "Inget konto är inställt än.",
  ok: "Fungerar",
  warning: "Varning",
  failing: "Fungerar inte",
  "last.in": "Senaste meddelande in",
  "last.out": "Senaste meddelande ut",
  never: "aldrig",
  webhooks: "Anrop senaste timmen",
  "webhooks.counts": "{accepted} tagna, {refused} avvisade",
  waiting: "Väntar på att skickas",
  todo: "Att göra",
  said: "Svaret var: {detail}",
  "token_refused.what": "Leverantören godtar inte våra uppgifter.",
  "token_refused.mend": "Skapa en ny nyckel hos leverantören och lägg in den i kontots inställningar.",
  "signatures_refused.what": "{n} anrop den senaste timmen hade ingen riktig signatur.",
  "signatures_refused.mend": "Jämför kontots hemlighet med leverantörens, och adressen till oss där med edge.public_base_url.",
  "silent.what": "Ingen har skrivit på ovanligt länge.",
  "silent.mend": "Skriv till kontot själv. Kommer inget fram: se efter adressen till oss hos leverantören.",
  "rate_limited.what": "Leverantören vill inte ha fler anrop före {time}.",
  "rate_limited.mend": "Inget går förlorat: det fortsätter då. Sänk kontots takt om det händer ofta.",
  "sends_failing.what": "{n} försök att skicka den senaste timmen misslyckades.",
  "sends_failing.mend": "Se leverantörens driftläge. Det som kan skickas senare försöks igen.",
  "sends_waiting.what": "{n} meddelanden väntar och ingen process skickar dem.",
  "sends_waiting.mend": "Se efter att en process med rollen outbox (eller all) är i gång och når databasen.",
};

const en: typeof sv = {
  about: "This is how each account fares. The page refreshes by itself.",
  loading: "Getting the channels",
  failed: "The channels could not be read. What is shown may be old.",
  again: "Try again",
  empty: "No account is configured yet.",
  ok: "Works",
  warning: "Warning",
  failing: "Does not work",
  "last.in": "Last message in",
  "last.out": "Last message out",
  never: "never",
  webhooks: "Calls of the last hour",
  "webhooks.counts": "{accepted} taken, {refused} refused",
  waiting: "Waiting to be sent",
  todo: "To do",
  said: "The answer was: {detail}",
  "token_refused.what": "The provider refuses our credentials.",
  "token_refused.mend": "Make a new key at the provider and put it into the account's settings.",
  "signatures_refused.what": "{n} calls of the last hour had no right signature.",
  "signatures_refused.mend": "Compare the account's secret with the provider's, and our address there with edge.public_base_url.",
  "silent.what": "Nobody has written for unusually long.",
  "silent.mend": "Write to the account yourself. If nothing comes, look at our address at the provider.",
  "rate_limited.what": "The provider wants no more calls before {time}.",
  "rate_limited.mend": "Nothing is lost: it goes on then. Lower the account's rate if it happens often.",
  "sends_failing.what": "{n} tries to send in the last hour failed.",
  "sends_failing.mend": "See the provider's state of service. What can be sent later is tried again.",
  "sends_waiting.what": "{n} messages wait and no process sends them.",
  "sends_waiting.mend": "See whether a process with the role outbox (or all) runs and reaches the database.",
};

const TEXTS: Catalogue<keyof typeof sv> = { sv, en };

export const channelWords = (language: Language) => translator(TEXTS, language);
