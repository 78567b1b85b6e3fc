// Asking the server: one place for the token that changes need, for problems, and for sessions that ended.

import type { Problem } from "@samtal/shared/socket";

/** The server said no, and why. */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }

  get status(): number {
    return this.problem.status;
  }
}

/** No answer came: it may have been taken or not. */
export class Unreached extends Error {}

interface Asking {
  body?: unknown;
  raw?: { body: Blob; headers: Record<string, string> };
  keepalive?: boolean;
  signal?: AbortSignal;
}

let csrf: string | null = null;
let ended: () => void = () => {};

export function carry(token: string | null): void {
  csrf = token;
}

/** Called whenever an answer says that nobody is logged in. */
export function onEnded(handler: () => void): void {
  ended = handler;
}

export async function ask<Answer>(method: string, path: string, asking: Asking = {}): Promise<Answer> {
  const { body, raw, keepalive = false, signal } = asking;
  const headers: Record<string, string> = { ...raw?.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const sent = body === undefined ? (raw?.body ?? null) : JSON.stringify(body);
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, keepalive, body: sent, signal: signal ?? null });
    answer = response.status === 204 ? null : await response.json();
  } catch (error) {
    throw new Unreached(String(error));
  }
  if (response.ok) return answer as Answer;
  if (response.status === 401 && path !== "/session") ended();
  throw new Refusal(answer as Problem);
}

export function query(values: Record<string, string | number | null | undefined>): string {
  const wanted = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return wanted.length ? `?${new URLSearchParams(wanted.map(([key, value]) => [key, String(value)])).toString()}` : "";
}
