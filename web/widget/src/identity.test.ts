import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Identity } from "./identity";

function talking(answers: object[] = []) {
  const told: [string, object][] = [];
  return {
    online: false,
    told,
    replays: 0,
    begun: [] as string[],
    tell: vi.fn(async (event: string, data: object) => {
      told.push([event, data]);
      return answers.shift() as never;
    }),
    async replay() {
      this.replays += 1;
    },
    startOver(token: string) {
      this.begun.push(token);
    },
  };
}

const REFUSED = { ok: false as const, problem: { title: "Not logged in", detail: "It has expired (exp).", status: 401 } };

describe("signing in", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes along with the connection when there is none yet", async () => {
    const host = talking();
    const identity = new Identity(host);
    const signed = identity.signIn("t1");
    expect(identity.introduction()).toEqual({ identity_token: "t1" });
    identity.welcomed({ ok: true, rotated: false });
    expect(await signed).toEqual({ signedIn: true });
    expect(host.told).toEqual([]);
  });

  it("is told on its own when it comes while the connection is made", async () => {
    const host = talking([{ ok: true, rotated: false }]);
    const identity = new Identity(host);
    expect(identity.introduction()).toEqual({});
    const signed = identity.signIn("t1");
    expect(host.told).toEqual([]);
    host.online = true;
    identity.welcomed(undefined);
    expect(await signed).toEqual({ signedIn: true });
    expect(host.told).toEqual([["sign_in", { token: "t1" }]]);
    expect(host.replays).toBe(1);
  });

  it("takes the token that came last, whatever became of the one before", async () => {
    const host = talking([{ ok: true, rotated: false }]);
    const identity = new Identity(host);
    void identity.signIn("t1");
    identity.introduction();
    const signed = identity.signIn("t2");
    host.online = true;
    identity.welcomed(REFUSED);
    expect(await signed).toEqual({ signedIn: true });
    expect(host.told).toEqual([["sign_in", { token: "t2" }]]);
  });

  it("begins anew as somebody else, and takes the token there", async () => {
    const host = talking([{ ok: true, rotated: true, token: "fresh" }]);
    host.online = true;
    const identity = new Identity(host);
    void identity.signIn("t1");
    await vi.advanceTimersByTimeAsync(0);
    expect(host.begun).toEqual(["fresh"]);
    expect(identity.introduction()).toEqual({ identity_token: "t1" });
  });

  it("says why not, and does not bring that token again", async () => {
    const host = talking([REFUSED]);
    host.online = true;
    const identity = new Identity(host);
    expect(await identity.signIn("t1")).toEqual({ signedIn: false, why: "It has expired (exp)." });
    expect(identity.introduction()).toEqual({});
  });

  it("tries again when the server was busy", async () => {
    const busy = { ok: false, problem: { title: "Not possible right now", status: 503 } };
    const host = talking([busy, { ok: true, rotated: false }]);
    host.online = true;
    const identity = new Identity(host);
    const signed = identity.signIn("t1");
    await vi.advanceTimersByTimeAsync(5000);
    expect(await signed).toEqual({ signedIn: true });
    expect(host.told).toHaveLength(2);
  });

  it("ends with the log-in, once", async () => {
    const host = talking();
    const identity = new Identity(host);
    const heard: unknown[] = [];
    const hear = (event: Event) => heard.push((event as CustomEvent).detail);
    addEventListener("samtal-identity", hear);
    void identity.signIn("t1");
    identity.introduction();
    identity.welcomed({ ok: true, rotated: false });
    identity.holds(true);
    identity.holds(false);
    identity.holds(false);
    removeEventListener("samtal-identity", hear);
    expect(heard).toEqual([{ signedIn: true }, { signedIn: false, why: "expired" }]);
    expect(identity.introduction()).toEqual({});
  });
});
