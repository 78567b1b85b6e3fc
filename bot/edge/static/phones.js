// Phones of the sandbox: each shows what its provider would, and writes through it.
"use strict";

import { channelName, make } from "./text.js";

const DEFAULTS = { twilio_sms: "+46701234567", twilio_whatsapp: "+46701234567", telegram: "10001", messenger: "20001" };
const error = document.getElementById("error");

class Phone {
  constructor({ channel, account }) {
    this.channel = channel;
    this.account = account;
    this.user = DEFAULTS[channel] || "customer-1";
    this.last = 0;
    this.element = make("section", "phone");
    this.element.setAttribute("aria-label", `${channelName(channel)} ${account}`);
    this.log = make("ol", "log");
    this.log.setAttribute("role", "log");
    this.log.tabIndex = 0;
    this.element.append(this.header(), this.log, this.composer());
  }

  header() {
    const header = make("header");
    const label = make("label", "", "Customer ");
    const user = make("input", "field");
    user.value = this.user;
    user.addEventListener("change", () => {
      this.user = user.value.trim();
      this.last = 0;
      this.log.replaceChildren();
    });
    label.append(user);
    header.append(make("h2", "", `${channelName(this.channel)} · ${this.account}`), label);
    return header;
  }

  composer() {
    const form = make("form", "composer");
    const text = make("textarea");
    text.rows = 1;
    text.setAttribute("aria-label", `Write on ${channelName(this.channel)}`);
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.append(text, make("button", "primary", "Send"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const words = text.value.trim();
      if (words) this.write(words);
      text.value = "";
    });
    return form;
  }

  url(tail = "") {
    return `/sandbox-api/phones/${this.channel}/${this.account}/${encodeURIComponent(this.user)}${tail}`;
  }

  async write(text) {
    const headers = { "Content-Type": "application/json" };
    await ask(this.url("/write"), { method: "POST", headers, body: JSON.stringify({ text }) });
    await this.refresh();
  }

  async refresh() {
    const user = this.user;
    const screen = await ask(this.url(`?after=${this.last}`));
    if (!screen || user !== this.user) return;
    this.last = Math.max(this.last, screen.last);
    for (const message of screen.messages) this.show(message);
  }

  show(message) {
    if ([...this.log.children].some((item) => item.dataset.n === String(message.n))) return;
    const item = make("li", message.side === "me" ? "message customer" : "message");
    item.dataset.n = message.n;
    item.append(make("p", "text", message.text));
    for (const attachment of message.attachments) item.append(make("p", "attachment", attachment));
    if (message.choices.length) {
      const choices = make("div", "choices");
      for (const title of message.choices) {
        const button = make("button", "choice", title);
        button.type = "button";
        button.addEventListener("click", () => this.write(title));
        choices.append(button);
      }
      item.append(choices);
    }
    this.log.append(item);
    this.log.scrollTop = this.log.scrollHeight;
  }
}

async function ask(url, options) {
  try {
    const response = await fetch(url, options);
    const data = await response.json();
    error.textContent = response.ok ? "" : data.detail || data.title;
    return response.ok ? data : null;
  } catch {
    error.textContent = "The server does not answer.";
    return null;
  }
}

async function refreshWire() {
  if (!document.getElementById("wire-details").open) return;
  const wire = await ask("/sandbox-api/wire");
  if (!wire) return;
  const rows = wire.exchanges.slice(-30).reverse().map((one) => {
    const row = make("tr");
    const request = make("td");
    request.append(`${one.method} ${one.path} `, make("code", "", one.body.slice(0, 400)));
    const answer = make("td");
    answer.append(`${one.status} `, make("code", "", one.answer.slice(0, 200)));
    row.append(make("td", "", new Date(one.at).toLocaleTimeString()), make("td", "", one.way), make("td", "", `${one.channel}/${one.account}`), request, answer);
    return row;
  });
  document.getElementById("wire").replaceChildren(...rows);
}

const found = await ask("/sandbox-api/phones");
const phones = (found ? found.accounts : []).map((account) => new Phone(account));
document.getElementById("phones").append(...phones.map((phone) => phone.element));
for (;;) {
  await Promise.all([...phones.map((phone) => phone.refresh()), refreshWire()]);
  await new Promise((resolve) => setTimeout(resolve, document.hidden ? 5000 : 800));
}
