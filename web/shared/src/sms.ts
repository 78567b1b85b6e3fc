// What a text costs as SMS. The same count as the server's, bot/kit/sms.py; its sources are named there.

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("\f^{}\\[~]|€");

export interface SmsCost {
  encoding: "GSM-7" | "UCS-2";
  units: number;
  segments: number;
  /** The characters that force UCS-2, each once. */
  culprits: string[];
}

export function smsCost(text: string): SmsCost {
  const characters = [...text];
  const culprits = [...new Set(characters.filter((one) => !BASIC.has(one) && !EXTENDED.has(one)))];
  const wide = culprits.length > 0;
  const weights = characters.map((one) => (wide ? one.length : EXTENDED.has(one) ? 2 : 1));
  const [whole, piece] = wide ? [70, 67] : [160, 153];
  const units = weights.reduce((sum, weight) => sum + weight, 0);
  const segments = units <= whole ? 1 : packed(weights, piece);
  return { encoding: wide ? "UCS-2" : "GSM-7", units, segments, culprits };
}

function packed(weights: number[], size: number): number {
  let segments = 1;
  let used = 0;
  for (const weight of weights) {
    if (used + weight > size) {
      segments += 1;
      used = 0;
    }
    used += weight;
  }
  return segments;
}
