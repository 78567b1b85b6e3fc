// How Engine.IO 4 packets travel: by WebSocket, or by polling where something on the way blocks that.

export interface Transport {
  send(packet: string): void;
  close(): void;
}

export interface Hearing {
  packet(packet: string): void;
  /** Comes once; nothing is heard after it. */
  closed(): void;
}

function address(base: string, transport: "websocket" | "polling", sid?: string): URL {
  const url = new URL("/socket.io/", base);
  url.search = new URLSearchParams({ EIO: "4", transport, ...(sid ? { sid } : {}) }).toString();
  if (transport === "websocket") url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

export function byWebSocket(base: string, hearing: Hearing): Transport {
  const socket = new WebSocket(address(base, "websocket"));
  let over = false;
  socket.onmessage = (message) => {
    if (!over) hearing.packet(String(message.data));
  };
  socket.onclose = () => end();
  function end(): void {
    if (over) return;
    over = true;
    hearing.closed();
  }
  return {
    send: (packet) => socket.send(packet),
    close: () => {
      socket.close();
      end(); // a dead network would have us wait a minute for the event
    },
  };
}

const BETWEEN = "\x1e";

export function byPolling(base: string, hearing: Hearing): Transport {
  const stopping = new AbortController();
  const waiting: string[] = [];
  let sid: string | undefined;
  let posting = false;
  let over = false;

  function end(): void {
    if (over) return;
    over = true;
    stopping.abort();
    hearing.closed();
  }

  async function ask(init?: RequestInit): Promise<string> {
    const answer = await fetch(address(base, "polling", sid), { ...init, cache: "no-store", signal: stopping.signal });
    if (!answer.ok) throw new Error(`polling: ${answer.status}`);
    return answer.text();
  }

  async function listen(): Promise<void> {
    while (!over) {
      for (const packet of (await ask()).split(BETWEEN)) {
        if (packet.startsWith("0")) sid = String(JSON.parse(packet.slice(1)).sid);
        if (!over) hearing.packet(packet);
      }
    }
  }

  async function post(): Promise<void> {
    posting = true;
    while (waiting.length > 0 && !over) {
      const body = waiting.splice(0).join(BETWEEN);
      await ask({ method: "POST", body, headers: { "Content-Type": "text/plain;charset=UTF-8" } });
    }
    posting = false;
  }

  listen().catch(end);
  return {
    send: (packet) => {
      waiting.push(packet);
      if (!posting) post().catch(end);
    },
    close: end,
  };
}
