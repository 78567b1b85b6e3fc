// The customer's chat: what is written is kept until the server has it, what was missed is replayed.
"use strict";

import { Socket } from "./socket.js";
import { channelName, currentLanguage, make, store, stored, storedUnder, switchLanguage, t, translate } from "./text.js";

const TOKEN = "samtal.token";
const OUTBOX = "samtal.outbox."; // each under a key of its own: tabs do not overwrite each other
const byId = (id) => document.getElementById(id);
const [log, text, owner, menu, banner, code, typing] = ["log", "text", "owner", "menu", "banner", "code", "typing"].map(byId);
const shown = new Map(); // message id or own client id -> list item
const outbox = storedUnder(OUTBOX).sort((a, b) => a.at - b.at); // [{id, at, event, data}]
let state = { owner: "bot" };
let channels = [];
let lastSeq = 0;
let caughtUp = false;
let flushing = false;
let unread = 0;
let typedAt = 0;
let atEnd = true;
let readTimer;
let readUpTo = null;
let typingTimer;

const socket = new Socket("/chat", {
  auth: () => {
    const token = stored(TOKEN);
    return { ...(token ? { token } : {}), last_seq: lastSeq, language: currentLanguage() };
  },
})
  .on("connect", () => { caughtUp = false; showBanner(null); })
  .on("disconnect", () => showBanner(t("offline")))
  .on("refused", refused)
  .on("welcome", welcome)
  .on("message", message)
  .on("replayed", ({ seq }) => { lastSeq = Math.max(lastSeq, seq); caughtUp = true; flush(); })
  .on("owner", showOwner)
  .on("typing", ({ name }) => showTyping(name));

function refused(problem) {
  if (problem && problem.type === "/problems/visitor-token") {
    store(TOKEN, null); // the server's key has changed: begin anew
    lastSeq = 0;
    socket.start();
    return;
  }
  showBanner(t("refused", { why: (problem && problem.detail) || "" }));
}

function welcome(data) {
  store(TOKEN, data.token);
  channels = data.channels;
  text.maxLength = data.text_limit;
  showOwner(data.state);
}

// --- messages -------------------------------------------------------------------------------

function message(data) {
  // Only a replay moves lastSeq: one message may be lost on its way to this server, and the next one,
  // from another process, come through before anybody knows.
  const own = data.author === "customer" ? shown.get(data.external_id) : undefined;
  const known = shown.get(data.id) || own;
  if (known) {
    shown.set(data.id, known);
    known.dataset.seq = data.seq ?? "";
    if (data.external_id) dropFromOutbox(data.external_id);
    settle(known, data.status);
    return;
  }
  const item = draw(data);
  shown.set(data.id, item);
  place(item, data.seq);
  if (data.author !== "customer") {
    showTyping(null);
    count();
    readUpTo = data.id;
    sayRead();
  }
}

function draw(data) {
  const item = make("li", `message ${data.author}`);
  item.dataset.seq = data.seq ?? "";
  const who = make("p", "who", author(data));
  if (data.channel && data.channel !== "webchat") {
    who.append(" ", make("span", "mark", t("via", { channel: channelName(data.channel) })));
  }
  item.append(who, make("p", "text", data.text));
  for (const attachment of data.attachments || []) item.append(drawAttachment(attachment));
  if ((data.choices || []).length) item.append(drawChoices(data.choices));
  item.append(make("p", "status"));
  settle(item, data.status);
  return item;
}

function author(data) {
  if (data.author === "customer") return t("you");
  if (data.author === "agent") return data.name || t("colleague");
  return t(data.author === "system" ? "system" : "assistant");
}

function drawAttachment(attachment) {
  const name = attachment.name || attachment.address || attachment.type;
  const line = make("p", "attachment");
  if (isFile(attachment.url || "")) line.append(link(attachment.url, t("attachment", { name })));
  else line.textContent = t("attachment", { name });
  return line;
}

function isFile(url) {
  return /^https:/.test(url) || url.startsWith(`${location.origin}/files/`);
}

function drawChoices(choices) {
  const list = make("div", "choices");
  for (const choice of choices) {
    if (choice.kind === "url" && /^https?:/.test(choice.url || "")) {
      list.append(link(choice.url, choice.title));
      continue;
    }
    const button = make("button", "choice", choice.title);
    button.type = "button";
    button.addEventListener("click", () => {
      write("press", { payload: choice.payload ?? choice.title, title: choice.title });
      text.focus();
    });
    list.append(button);
  }
  return list;
}

function link(href, label) {
  const anchor = make("a", "choice", label);
  anchor.href = href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  return anchor;
}

function place(item, seq) {
  const follow = atEnd || item.classList.contains("customer");
  let before = null;
  if (seq) before = [...log.children].find((other) => !other.dataset.seq || Number(other.dataset.seq) > seq) || null;
  log.insertBefore(item, before);
  byId("hello")?.remove();
  if (follow) toEnd();
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

function settle(item, status) {
  const line = item.querySelector(".status");
  item.classList.toggle("failed", status === "failed");
  line.textContent = status === "failed" ? t("failed") : status === "unknown" ? t("unknown") : "";
}

// --- writing --------------------------------------------------------------------------------

function write(event, data) {
  const id = newId();
  const entry = { id, at: Date.now(), event, data: { id, ...data } };
  outbox.push(entry);
  store(OUTBOX + id, JSON.stringify(entry));
  drawWaiting(entry);
  flush();
}

function drawWaiting(entry) {
  const words = entry.data.text ?? entry.data.title ?? "";
  if (!words || shown.has(entry.id)) return;
  const item = draw({ author: "customer", text: words });
  item.querySelector(".status").textContent = t("sending");
  shown.set(entry.id, item);
  place(item, null);
}

async function flush() {
  if (flushing) return;
  flushing = true;
  try {
    while (outbox.length && socket.connected && caughtUp) {
      const entry = outbox[0];
      const answer = await socket.send(entry.event, entry.data);
      if (answer.ok) {
        dropFromOutbox(entry.id);
      } else if (answer.problem.status === 429 || answer.problem.status >= 500) {
        await new Promise((resolve) => setTimeout(resolve, 2000));
      } else {
        dropFromOutbox(entry.id);
        notSent(entry, answer.problem.detail || answer.problem.title);
      }
    }
  } catch {
    // no answer: it stays first and goes again, with the same id, when the socket is back
  } finally {
    flushing = false;
  }
}

function notSent(entry, why) {
  const item = shown.get(entry.id);
  if (!item) return showBanner(t("notSent", { why }));
  item.classList.add("failed");
  const line = item.querySelector(".status");
  line.textContent = t("notSent", { why }) + " ";
  const again = make("button", "quiet", t("retry"));
  again.type = "button";
  again.addEventListener("click", () => {
    item.remove();
    const { id: _, ...data } = entry.data;
    write(entry.event, data);
  });
  line.append(again);
}

function dropFromOutbox(id) {
  const at = outbox.findIndex((entry) => entry.id === id);
  if (at < 0) return;
  outbox.splice(at, 1);
  store(OUTBOX + id, null);
  const item = shown.get(id);
  if (item) item.querySelector(".status").textContent = "";
}

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- who answers ----------------------------------------------------------------------------

function showOwner(data) {
  state = data;
  owner.textContent = t(state.owner, { name: state.name });
  drawMenu();
}

function showTyping(name) {
  clearTimeout(typingTimer);
  typing.textContent = name ? t("typing", { name }) : "";
  if (name) typingTimer = setTimeout(() => showTyping(null), 5000);
}

function showBanner(words) {
  banner.hidden = !words;
  banner.textContent = words || "";
}

// Tells now and then what was seen last; a receipt that gets lost harms nobody.
function sayRead() {
  if (readTimer || byId("chat").hidden || document.hidden || !caughtUp || !readUpTo) return;
  readTimer = setTimeout(() => {
    readTimer = null;
    const entry = readUpTo;
    readUpTo = null;
    if (entry) socket.send("read", { entry }).catch(() => {});
  }, 2000);
}

// --- the menu -------------------------------------------------------------------------------

function drawMenu() {
  const entries = [];
  if (state.owner === "bot") entries.push([t("human"), () => write("ask_human", { text: t("human") })]);
  if (state.owner === "waiting") entries.push([t("leave"), () => write("leave_queue", {})]);
  for (const target of channels) {
    entries.push([t("elsewhere", { channel: channelName(target.channel) }), () => goElsewhere(target)]);
  }
  menu.replaceChildren(...entries.map(([label, act]) => {
    const button = make("button", "", label);
    button.type = "button";
    button.addEventListener("click", () => { openMenu(false); act(); });
    const item = make("li");
    item.append(button);
    return item;
  }));
}

function openMenu(open) {
  menu.hidden = !open;
  byId("menu-button").setAttribute("aria-expanded", String(open));
  if (open) menu.querySelector("button")?.focus();
}

async function goElsewhere(target) {
  const channel = channelName(target.channel);
  let answer;
  try {
    answer = await socket.send("continue", target);
  } catch {
    return showBanner(t("offline"));
  }
  if (!answer.ok) return showBanner(answer.problem.detail);
  const done = make("button", "quiet", t("done"));
  done.type = "button";
  done.addEventListener("click", () => { code.hidden = true; text.focus(); });
  const parts = [make("p", "", t("codeIntro", { channel })), make("p", "big", answer.code)];
  if (/^(https?|sms):/.test(answer.deep_link || "")) parts.push(link(answer.deep_link, t("codeLink", { channel })));
  code.replaceChildren(...parts, done);
  code.hidden = false;
  code.focus();
}

// --- opening and closing --------------------------------------------------------------------

function openChat(open) {
  byId("chat").hidden = !open;
  byId("launcher").hidden = open;
  byId("launcher").setAttribute("aria-expanded", String(open));
  store("samtal.open", open ? "yes" : null);
  if (open) {
    unread = 0;
    byId("unread").hidden = true;
    toEnd();
    text.focus();
    sayRead();
  } else {
    byId("launcher").focus();
  }
}

function count() {
  if (!byId("chat").hidden || !caughtUp) return;
  unread += 1;
  byId("unread").textContent = String(unread);
  byId("unread").hidden = false;
}

function grow() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 140)}px`;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value.trim();
  if (!words) return;
  text.value = "";
  grow();
  write("message", { text: words });
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("composer").requestSubmit();
  }
});
text.addEventListener("input", () => {
  grow();
  if (Date.now() - typedAt < 4000 || state.owner !== "agent") return;
  typedAt = Date.now();
  socket.send("typing", {}).catch(() => {});
});
log.addEventListener("scroll", () => {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
});
new ResizeObserver(() => atEnd && toEnd()).observe(log);
byId("menu-button").addEventListener("click", () => openMenu(menu.hidden));
byId("close").addEventListener("click", () => openChat(false));
byId("chat").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (menu.hidden) return openChat(false);
  openMenu(false);
  byId("menu-button").focus();
});
for (const button of document.querySelectorAll("[data-open-chat]")) {
  button.addEventListener("click", () => openChat(true));
}
byId("language").addEventListener("click", () => {
  switchLanguage();
  showOwner(state);
});

document.addEventListener("visibilitychange", sayRead);

translate();
const hello = make("li", "message bot", "");
hello.id = "hello";
hello.append(make("p", "text", t("empty")));
hello.querySelector(".text").dataset.t = "empty";
log.append(hello);
showOwner(state);
outbox.forEach(drawWaiting);
const code0 = decodeURIComponent(location.hash.slice(1));
if (/^[0-9A-Za-z-]{8,12}$/.test(code0)) text.value = code0;
if (stored("samtal.open") || code0) openChat(true);
socket.start();
