// How long a text is, as its channel counts.

import type { TextUnit } from "./server";

// 3GPP TS 23.038, 6.2.1
const GSM =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_TWICE = "\f^{}\\[~]|€";

export interface Length {
  used: number;
  /** How many SMS it takes; 0 on other channels. */
  segments: number;
}

export function measure(text: string, unit: TextUnit): Length {
  switch (unit) {
    case "characters":
      return { used: [...text].length, segments: 0 };
    case "utf16":
      return { used: text.length, segments: 0 };
    case "bytes":
      return { used: new TextEncoder().encode(text).length, segments: 0 };
    case "sms":
      return sms(text);
  }
}

function sms(text: string): Length {
  const plain = [...text].every((char) => GSM.includes(char) || GSM_TWICE.includes(char));
  const weights = [...text].map((char) => (plain ? (GSM_TWICE.includes(char) ? 2 : 1) : char.length));
  const used = weights.reduce((sum, weight) => sum + weight, 0);
  return { used, segments: used <= (plain ? 160 : 70) ? 1 : packed(weights, plain ? 153 : 67) };
}

// A character of two units never straddles two segments.
function packed(weights: number[], room: number): number {
  let segments = 1;
  let filled = 0;
  for (const weight of weights) {
    if (filled + weight > room) {
      segments += 1;
      filled = 0;
    }
    filled += weight;
  }
  return segments;
}
