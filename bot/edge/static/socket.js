// A small Socket.IO client (Socket.IO 5 on Engine.IO 4) over WebSocket only: one namespace,
// acknowledgements, heartbeats, reconnecting with growing, jittered pauses.
"use strict";

export class Socket {
  // `auth()` is asked at every connection. Events: "connect", "disconnect", "refused" (problem)
  // and whatever the server emits.
  constructor(namespace, { auth = () => ({}), path = "/socket.io/" } = {}) {
    this.namespace = namespace;
    this.auth = auth;
    this.path = path;
    this.handlers = new Map();
    this.acks = new Map();
    this.nextAck = 0;
    this.tries = 0;
    this.connected = false;
    this.stopped = true;
    addEventListener("online", () => this.hurry());
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => event.persisted && this.start());
  }

  on(event, handler) {
    this.handlers.set(event, handler);
    return this;
  }

  start() {
    this.stopped = false;
    this.tries = 0;
    this.open();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    if (this.ws) this.ws.close();
  }

  // Resolves with the acknowledgement; rejects when it does not come.
  send(event, data, timeout = 15000) {
    return new Promise((resolve, reject) => {
      if (!this.connected) return reject(new Error("offline"));
      const id = this.nextAck++;
      const timer = setTimeout(() => this.settle(id, null), timeout);
      this.acks.set(id, { resolve, reject, timer });
      this.ws.send(`42${this.namespace},${id}${JSON.stringify([event, data])}`);
    });
  }

  hurry() {
    if (this.stopped || this.connected || this.ws) return;
    clearTimeout(this.timer);
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const ws = new WebSocket(`${scheme}://${location.host}${this.path}?EIO=4&transport=websocket`);
    this.ws = ws;
    ws.onmessage = (message) => ws === this.ws && this.receive(String(message.data));
    ws.onclose = () => ws === this.ws && this.lost();
  }

  receive(packet) {
    this.watchHeartbeat();
    switch (packet[0]) {
      case "0": // open
        this.patience = patienceOf(packet.slice(1));
        this.ws.send(`40${this.namespace},${JSON.stringify(this.auth())}`);
        break;
      case "1": // close
        this.ws.close();
        break;
      case "2": // ping
        this.ws.send("3");
        break;
      case "4": // message
        this.message(packet.slice(1));
        break;
    }
  }

  message(packet) {
    const found = /^(\d)(?:(\/[^,]*),)?(\d*)([^]*)$/.exec(packet);
    if (!found || (found[2] || "/") !== this.namespace) return;
    const data = found[4] ? JSON.parse(found[4]) : null;
    if (found[1] === "0") this.up();
    else if (found[1] === "1") this.ws.close();
    else if (found[1] === "2") this.emit(data[0], data[1]);
    else if (found[1] === "3") this.settle(Number(found[3]), data[0]);
    else if (found[1] === "4") this.refused(data && data.data);
  }

  up() {
    this.connected = true;
    this.tries = 0;
    this.emit("connect");
  }

  refused(problem) {
    this.stop();
    this.emit("refused", problem);
  }

  lost() {
    const was = this.connected;
    this.connected = false;
    this.ws = null;
    clearTimeout(this.heartbeat);
    for (const id of [...this.acks.keys()]) this.settle(id, null);
    if (was) this.emit("disconnect");
    if (this.stopped) return;
    const pause = Math.min(30000, 500 * 2 ** this.tries++) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.open(), pause);
  }

  settle(id, answer) {
    const waiting = this.acks.get(id);
    if (!waiting) return;
    this.acks.delete(id);
    clearTimeout(waiting.timer);
    if (answer === null) waiting.reject(new Error("no answer"));
    else waiting.resolve(answer);
  }

  // The server pings; when it falls silent the connection is dead, whatever the browser thinks.
  watchHeartbeat() {
    clearTimeout(this.heartbeat);
    this.heartbeat = setTimeout(() => this.ws && this.ws.close(), this.patience || 60000);
  }

  emit(event, data) {
    const handler = this.handlers.get(event);
    if (handler) handler(data);
  }
}

function patienceOf(handshake) {
  const { pingInterval, pingTimeout } = JSON.parse(handshake);
  return pingInterval + pingTimeout;
}
