// A plain desk: who waits, what was said over all channels, accept, reply, hand back.
"use strict";

import { Socket } from "./socket.js";
import { channelName, make } from "./text.js";

const byId = (id) => document.getElementById(id);
const log = byId("log");
const rows = new Map(); // thread id -> row
const entries = new Map(); // entry id -> list item
const sends = new Map(); // send id -> list item
let me = null;
let current = null;
let readTo = 0; // seq: up to here nothing of the thread is missing
let pendingReply = null; // {text, client_id}: the same id again when no answer came
let typedAt = 0;
let typingTimer;

const socket = new Socket("/desk")
  .on("connect", () => { banner(null); loadRows(); if (current) watch(current, readTo); })
  .on("disconnect", () => banner("No connection. Trying again …"))
  .on("refused", () => showLogin())
  .on("thread", ({ row, absorbed }) => moved(row, absorbed))
  .on("entries", (told) => told.thread === current && heard(told.entries))
  .on("send", ({ send }) => showSend(send))
  .on("viewing", ({ thread, agents }) => thread === current && viewing(agents))
  .on("typing", (told) => told.thread === current && typing(told.name || "The customer"));

// --- asking the server ----------------------------------------------------------------------

async function ask(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (me && method !== "GET") headers["X-CSRF-Token"] = me.csrf;
  const response = await fetch(`/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const data = response.status === 204 ? null : await response.json();
  if (response.status === 401 && path !== "/session") showLogin();
  if (!response.ok) throw new Error(data.detail || data.title);
  return data;
}

async function act(name, body) {
  try {
    await ask("POST", `/threads/${current}/${name}`, body);
    banner(null);
    return true;
  } catch (error) {
    banner(error.message);
    return false;
  }
}

// --- logging in -----------------------------------------------------------------------------

function showLogin() {
  me = null;
  socket.stop();
  byId("desk").hidden = true;
  byId("log-out").hidden = true;
  byId("me").textContent = "";
  byId("login").hidden = false;
  byId("email").focus();
}

function enter(session) {
  me = session;
  byId("login").hidden = true;
  byId("desk").hidden = false;
  byId("log-out").hidden = false;
  byId("me").textContent = me.name;
  socket.start();
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("login-error").textContent = "";
  try {
    enter(await ask("POST", "/session", { email: byId("email").value, password: byId("password").value }));
    byId("password").value = "";
  } catch (error) {
    byId("login-error").textContent = error.message;
  }
});
byId("log-out").addEventListener("click", async () => {
  await ask("DELETE", "/session").catch(() => {});
  showLogin();
});

// --- the list -------------------------------------------------------------------------------

async function loadRows() {
  const owner = byId("filter").value;
  try {
    const { threads } = await ask("GET", `/threads?limit=100${owner ? `&owner=${owner}` : ""}`);
    rows.clear();
    for (const row of threads) rows.set(row.state.thread, row);
    drawRows();
  } catch (error) {
    banner(error.message);
  }
}

function moved(row, absorbed) {
  if (absorbed) rows.delete(absorbed);
  if (absorbed && absorbed === current) select(row.state.thread);
  rows.set(row.state.thread, row);
  drawRows();
}

function drawRows() {
  const wanted = byId("filter").value;
  const focused = document.activeElement?.dataset?.thread;
  const list = [...rows.values()]
    .filter((row) => !wanted || row.state.owner.kind === wanted)
    .sort((a, b) => String(b.state.last_at).localeCompare(String(a.state.last_at)));
  byId("rows").replaceChildren(...list.map(drawRow));
  if (focused) document.querySelector(`[data-thread="${CSS.escape(focused)}"]`)?.focus();
  if (current && rows.has(current)) drawHead(rows.get(current));
}

function drawRow(row) {
  const button = make("button");
  button.type = "button";
  button.dataset.thread = row.state.thread;
  if (row.state.thread === current) button.setAttribute("aria-current", "true");
  button.append(make("span", "", nameOf(row)), make("span", "last", row.state.last_text || "–"), make("span", row.state.owner.kind === "offered" ? "offered" : "owner", `${ownerOf(row)} · ${marks(row)}`));
  button.addEventListener("click", () => select(row.state.thread));
  const item = make("li");
  item.append(button);
  return item;
}

function nameOf(row) {
  const known = row.identities.find((one) => one.name) || row.identities.find((one) => one.phone);
  return known ? known.name || known.phone : `Visitor ${row.state.thread.slice(-4).toUpperCase()}`;
}

function marks(row) {
  return [...new Set(row.identities.map((one) => channelName(one.address.channel)))].join(", ");
}

function ownerOf(row) {
  const { owner } = row.state;
  if (owner.kind === "offered") return `waiting (${owner.queue})`;
  if (owner.kind === "agent") return owner.agent === me?.id ? "you" : owner.name;
  return owner.kind === "bot" ? "the bot" : "nobody";
}

// --- one thread -----------------------------------------------------------------------------

function select(thread) {
  if (current && current !== thread) socket.send("unwatch", { thread: current }).catch(() => {});
  current = thread;
  readTo = 0;
  entries.clear();
  sends.clear();
  log.replaceChildren();
  byId("nothing").hidden = true;
  for (const id of ["thread-head", "log", "composer"]) byId(id).hidden = false;
  drawRows();
  watch(thread, 0);
}

async function watch(thread, after) {
  try {
    const answer = await socket.send("watch", { thread, after });
    if (!answer.ok) return banner(answer.problem.detail);
    if (current !== thread) return;
    current = answer.row.state.thread;
    rows.set(current, answer.row);
    const behind = Boolean(after) && answer.entries.length >= 100;
    answer.entries.forEach(showEntry);
    readTo = Math.max(readTo, ...answer.entries.map(({ entry }) => entry.seq));
    drawRows();
    if (behind) watch(current, readTo);
  } catch {
    // the socket went; it asks again when it is back
  }
}

// What is heard says nothing about what came before it: only an answer to "watch" moves readTo.
function heard(views) {
  views.forEach(showEntry);
}

function drawHead(row) {
  const { owner } = row.state;
  byId("who").textContent = nameOf(row);
  byId("where").textContent = marks(row);
  byId("owned").textContent = ownerOf(row);
  const mine = owner.kind === "agent" && owner.agent === me?.id;
  byId("accept").hidden = owner.kind !== "offered";
  byId("takeover").hidden = owner.kind !== "bot";
  byId("hand-back").hidden = !mine;
  byId("resolve").hidden = !mine;
}

function showEntry(view) {
  const { entry } = view;
  const known = entries.get(entry.id);
  if (known) return view.send ? showSend(view.send) : undefined;
  const item = draw(view);
  entries.set(entry.id, item);
  if (!item) return;
  if (entry.body.send) sends.set(entry.body.send, item);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  item.dataset.seq = entry.seq;
  log.insertBefore(item, [...log.children].find((other) => Number(other.dataset.seq) > entry.seq) || null);
  if (view.send) showSend(view.send);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function draw({ entry, address }) {
  const { body } = entry;
  const where = channelName(address.channel);
  switch (body.kind) {
    case "message_in": return bubble("customer", "Customer", where, body);
    case "message_out": return bubble("ours", entry.by.name || (entry.by.kind === "bot" ? "Bot" : "System"), where, body);
    case "echo_out": return bubble("ours", "Written at the provider", where, body);
    case "note": return bubble("ours note", `${entry.by.name || ""} · internal note`, "", body);
    case "owner_changed": return fact(`Now with ${body.owner.name || { bot: "the bot", offered: `queue ${body.owner.queue}`, none: "nobody" }[body.owner.kind]}: ${body.reason}${body.note ? ` – ${body.note}` : ""}`);
    case "linked": return fact(`Two channels became one customer (${body.proof})`);
    case "link_refused": return fact(`A link code was refused: ${body.reason}`);
    case "episode_changed": return fact(`Case ${body.phase}: ${body.reason}`);
    case "conversation_started": return fact(`Started on ${where}${body.ref ? ` (${body.ref})` : ""}`);
    case "consent_changed": return fact(body.opted_out ? `Opted out on ${where}` : `Opted in on ${where}`);
    case "unsupported_in": return fact(`Something that cannot be shown: ${body.what}`);
    case "message_edited": return fact(`The customer changed a message to: ${body.text}`);
    case "message_deleted": return fact("The customer took back a message");
    case "reaction": return fact(`Reaction: ${body.emoji || "taken back"}`);
    default: return null;
  }
}

function bubble(kind, who, where, body) {
  const item = make("li", `message ${kind}`);
  const line = make("p", "who", `${who} `);
  if (where) line.append(make("span", "mark", where));
  item.append(line, make("p", "text", body.text || (body.press && body.press.payload) || ""));
  for (const attachment of body.attachments || []) item.append(make("p", "attachment", `Attachment: ${attachment.name || attachment.type}`));
  if ((body.choices || []).length) item.append(make("p", "status", `Choices: ${body.choices.map((choice) => choice.title).join(" · ")}`));
  item.append(make("p", "status way"));
  return item;
}

function fact(words) {
  return make("li", "fact", words);
}

function showSend(send) {
  const item = sends.get(send.send);
  if (!item) return;
  const reached = send.parts.length ? send.parts.map((part) => part.status).join(", ") : "";
  item.querySelector(".way").textContent = [send.status, reached, send.detail].filter(Boolean).join(" · ");
  item.classList.toggle("failed", ["failed", "unknown"].includes(send.status) || reached.includes("failed"));
}

function viewing(agents) {
  const others = agents.filter((agent) => agent.agent !== me?.id).map((agent) => agent.name);
  byId("viewing").textContent = others.length ? `Also here: ${others.join(", ")}` : "";
}

function typing(name) {
  clearTimeout(typingTimer);
  byId("typing").textContent = name ? `${name} is typing …` : "";
  if (name) typingTimer = setTimeout(() => typing(null), 5000);
}

function banner(words) {
  byId("banner").hidden = !words;
  byId("banner").textContent = words || "";
}

byId("filter").addEventListener("change", loadRows);
byId("accept").addEventListener("click", () => act("accept"));
byId("takeover").addEventListener("click", () => act("takeover"));
byId("hand-back").addEventListener("click", () => act("hand-back", {}));
byId("resolve").addEventListener("click", () => act("resolve", {}));
byId("note").addEventListener("click", async () => {
  const text = byId("text").value.trim();
  if (text && (await act("note", { text }))) byId("text").value = "";
});
byId("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text) return;
  if (!pendingReply || pendingReply.text !== text) pendingReply = { text, client_id: newId() };
  if (await act("reply", pendingReply)) {
    pendingReply = null;
    byId("text").value = "";
  }
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("composer").requestSubmit();
});
byId("text").addEventListener("input", () => {
  if (!current || Date.now() - typedAt < 4000) return;
  typedAt = Date.now();
  socket.send("typing", { thread: current }).catch(() => {});
});

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

try {
  enter(await ask("GET", "/session"));
} catch {
  showLogin();
}
