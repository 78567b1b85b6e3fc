// How long a text is, as its channel counts.

import { smsCost, type SmsCost } from "./sms";

export type TextUnit = "characters" | "utf16" | "bytes" | "sms";

export interface Limit {
  text_limit: number;
  text_unit: TextUnit;
}

export interface Length {
  used: number;
  limit: number;
  sms: SmsCost | null;
}

export function lengthOf(text: string, { text_limit: limit, text_unit: unit }: Limit): Length {
  switch (unit) {
    case "sms": {
      const sms = smsCost(text);
      return { used: sms.units, limit, sms };
    }
    case "utf16":
      return { used: text.length, limit, sms: null };
    case "bytes":
      return { used: new TextEncoder().encode(text).length, limit, sms: null };
    case "characters":
      return { used: [...text].length, limit, sms: null };
  }
}
