// Who the visitor is to the business: signed in by its own log-in, and with which linked channels.

import type { Ack, Problem } from "@samtal/shared/socket";

import type { FormerChannel, LinkedChannel, SignIn } from "./shapes";
import { Watched } from "./watched";

/** What a page hears of its `signIn`, and the window of every change, as `samtal-identity`. */
export interface Signed {
  signedIn: boolean;
  why?: string;
}

/** What it needs of the conversation. */
export interface Talking {
  readonly online: boolean;
  tell<Answer>(event: string, data: object): Promise<Ack<Answer>>;
  replay(): Promise<void>;
  startOver(token: string): void;
}

const AGAIN_MS = 5000;

/** Why no code was sent to a number. */
export type NotProven = "number" | "tooMany" | "codesSpent" | "notNow";

export class Identity extends Watched {
  signedIn = false;
  channels: readonly LinkedChannel[] | null = null;
  former: readonly FormerChannel[] = [];
  moves = 0; // how often the channels became others
  private token: string | null = null;
  private introduced: string | null = null; // with the connection, as it began
  private waiting: ((signed: Signed) => void)[] = [];
  private looking = false;

  constructor(private readonly talking: Talking) {
    super();
  }

  /** What a connection begins with. */
  introduction(): object {
    this.introduced = this.token;
    return this.token === null ? {} : { identity_token: this.token };
  }

  // --- signing in ---------------------------------------------------------------------------

  /** The business says who this is. Before the chat was ever opened it waits for that. */
  signIn(token: string): Promise<Signed> {
    this.token = token;
    const settled = new Promise<Signed>((resolve) => this.waiting.push(resolve));
    void this.attempt();
    return settled;
  }

  // Without a connection, or an answer, the token goes along with the next connection.
  private async attempt(): Promise<void> {
    const { token } = this;
    if (token === null || !this.talking.online) return;
    const answer = await this.talking.tell<SignIn>("sign_in", { token }).catch(() => null);
    if (answer === null || this.token !== token) return;
    if (!answer.ok) return this.refused(answer.problem);
    if (answer.rotated && answer.token !== undefined) return this.talking.startOver(answer.token);
    this.settle({ signedIn: true });
    await this.talking.replay();
  }

  /** The server has said who is there, and what it made of the token the connection began with. */
  welcomed(answer: Ack<SignIn> | undefined): void {
    if (this.token !== this.introduced) void this.attempt(); // it came while the connection was made
    else if (answer?.ok) this.settle({ signedIn: true });
    else if (answer) this.refused(answer.problem);
  }

  private refused(problem: Problem): void {
    if (problem.status === 429 || problem.status >= 500) {
      setTimeout(() => void this.attempt(), AGAIN_MS);
      return;
    }
    this.token = null;
    this.settle({ signedIn: false, why: problem.detail || problem.title });
  }

  /** Whether the log-in still counts. */
  holds(signed: boolean): void {
    if (signed || !this.signedIn) return;
    this.token = null;
    this.settle({ signedIn: false, why: "expired" });
  }

  /** Somebody else sits here, or nobody. */
  forget(): void {
    this.token = null;
    this.channels = null;
    if (this.signedIn || this.waiting.length > 0) this.settle({ signedIn: false });
    else this.changed();
  }

  private settle(signed: Signed): void {
    this.signedIn = signed.signedIn;
    for (const tell of this.waiting.splice(0)) tell(signed);
    dispatchEvent(new CustomEvent("samtal-identity", { detail: signed }));
    this.changed();
  }

  // --- linked channels ----------------------------------------------------------------------

  /** Keep the list up to date while somebody looks; gives whether there is one. */
  async look(looking: boolean): Promise<boolean> {
    this.looking = looking;
    if (!looking) {
      this.channels = null;
      return true;
    }
    const answer = await this.talking.tell<{ channels: LinkedChannel[]; former: FormerChannel[] }>("linked", {}).catch(() => null);
    if (!answer?.ok || !this.looking) return false;
    this.channels = answer.channels;
    this.former = answer.former;
    this.changed();
    return true;
  }

  /** The channels are others now. */
  moved(): void {
    this.moves += 1;
    this.changed();
    if (this.looking) void this.look(true);
  }

  /** One of them is not this customer's any more; gives whether that was done. */
  async unlink(channel: LinkedChannel): Promise<boolean> {
    const { identity } = channel;
    const answer = await this.talking.tell("unlink", { identity }).catch(() => null);
    if (answer?.ok || answer?.problem.status === 404 || answer?.problem.status === 409) {
      await this.look(true);
      return true;
    }
    return false;
  }

  /** A code to a number; gives what is wrong, if anything. */
  async prove(target: { channel: string; account: string }, address: string): Promise<NotProven | null> {
    const answer = await this.talking.tell("prove", { ...target, address }).catch(() => null);
    if (answer?.ok) return null;
    if (answer?.problem.status === 422) return "number";
    if (answer?.problem.type === "/problems/codes-spent") return "codesSpent";
    return answer?.problem.status === 429 ? "tooMany" : "notNow";
  }
}
