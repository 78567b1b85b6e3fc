// The words of the pages, in Swedish and English.
"use strict";

const WORDS = {
  sv: {
    tagline: "Utrustning för fjäll och skog",
    intro: "Fråga om leverans, retur, storlekar eller en offert till företaget – i chatten, på SMS eller där du redan skriver.",
    open: "Chatta med oss",
    title: "Chatt",
    close: "Stäng chatten",
    placeholder: "Skriv ett meddelande",
    send: "Skicka",
    menu: "Fler val",
    human: "Prata med en människa",
    leave: "Lämna kön",
    elsewhere: "Fortsätt på {channel}",
    codeIntro: "Skicka koden till oss på {channel} inom tio minuter, så fortsätter samtalet där:",
    codeLink: "Öppna {channel}",
    done: "Klart",
    bot: "Du pratar med vår assistent",
    waiting: "Du står i kö till en människa",
    agent: "Du pratar med {name}",
    nobody: "Samtalet är stängt",
    offline: "Ingen anslutning. Det du skriver skickas när den är tillbaka.",
    you: "Du",
    assistant: "Assistenten",
    system: "Meddelande",
    colleague: "Medarbetare",
    via: "via {channel}",
    sending: "Skickas …",
    notSent: "Kunde inte skickas: {why}",
    retry: "Försök igen",
    failed: "Kunde inte levereras",
    unknown: "Osäkert om det kom fram",
    typing: "{name} skriver …",
    attachment: "Bilaga: {name}",
    empty: "Hej! Vad kan vi hjälpa dig med?",
    newBelow: "Nya meddelanden",
    refused: "Chatten kan inte öppnas: {why}",
    language: "In English",
    tents: "Tält", tentsText: "Lätta fyrasäsongstält, provade på Kebnekaise.",
    packs: "Ryggsäckar", packsText: "20 till 75 liter, i fem rygglängder.",
    shells: "Skalplagg", shellsText: "Täta sömmar, lagas hos oss.",
  },
  en: {
    tagline: "Gear for mountains and forests",
    intro: "Ask about delivery, returns, sizes or a quote for your company – in the chat, by SMS or wherever you already write.",
    open: "Chat with us",
    title: "Chat",
    close: "Close the chat",
    placeholder: "Write a message",
    send: "Send",
    menu: "More",
    human: "Talk to a human",
    leave: "Leave the queue",
    elsewhere: "Continue on {channel}",
    codeIntro: "Send this code to us on {channel} within ten minutes, and the conversation goes on there:",
    codeLink: "Open {channel}",
    done: "Done",
    bot: "You are talking to our assistant",
    waiting: "You are in the queue for a human",
    agent: "You are talking to {name}",
    nobody: "This conversation is closed",
    offline: "No connection. What you write is sent when it is back.",
    you: "You",
    assistant: "The assistant",
    system: "Notice",
    colleague: "Staff",
    via: "via {channel}",
    sending: "Sending …",
    notSent: "Could not be sent: {why}",
    retry: "Try again",
    failed: "Could not be delivered",
    unknown: "It is not certain that it arrived",
    typing: "{name} is typing …",
    attachment: "Attachment: {name}",
    empty: "Hello! How can we help you?",
    newBelow: "New messages",
    refused: "The chat cannot be opened: {why}",
    language: "På svenska",
    tents: "Tents", tentsText: "Light four-season tents, tried on Kebnekaise.",
    packs: "Backpacks", packsText: "20 to 75 litres, in five back lengths.",
    shells: "Shell wear", shellsText: "Sealed seams, repaired by us.",
  },
};

const CHANNELS = {
  webchat: "web", twilio_sms: "SMS", twilio_whatsapp: "WhatsApp", telegram: "Telegram",
  messenger: "Messenger", whatsapp_cloud: "WhatsApp",
};

let language = stored("samtal.language") || (/^(sv|nb|nn|da|fi)/.test(navigator.language) ? "sv" : "en");

export function currentLanguage() {
  return language;
}

export function switchLanguage() {
  language = language === "sv" ? "en" : "sv";
  store("samtal.language", language);
  translate();
}

export function t(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function channelName(channel) {
  return CHANNELS[channel] || channel;
}

// Elements say which words they want: data-t for their text, data-t-label for their name.
export function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
  for (const element of document.querySelectorAll("[data-t-placeholder]")) {
    element.placeholder = t(element.dataset.tPlaceholder);
  }
}

// Storage may be refused (private windows, policies): then this visit is all there is.
export function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // see above
  }
}

// The JSON values under all keys with a prefix.
export function storedUnder(prefix) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix));
    return keys.map((key) => JSON.parse(localStorage.getItem(key)));
  } catch {
    return [];
  }
}

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
