// Until when after the customer last wrote a channel takes free texts.

import type { ChannelInfo, Identity, Row } from "./model";

const SOON_MS = 2 * 3_600_000;

export type Window = { state: "open" } | { state: "soon"; left: number } | { state: "closed"; ago: number | null };

/** An ISO 8601 duration of days and smaller units, in milliseconds. */
export function milliseconds(duration: string): number {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(duration);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = (found ?? []).slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}

/** Whether a person's free text still arrives at an identity. */
export function windowOf(row: Row, identity: Identity, channel: ChannelInfo, now: number): Window {
  const limit = channel.capabilities.human_window ?? channel.capabilities.window;
  if (!limit) return { state: "open" };
  const last = row.state.last_inbound.find((one) => one.identity === identity.id)?.at;
  if (!last) return { state: "closed", ago: null };
  const ago = now - Date.parse(last);
  const left = milliseconds(limit) - ago;
  if (left <= 0) return { state: "closed", ago };
  return left < SOON_MS ? { state: "soon", left } : { state: "open" };
}
