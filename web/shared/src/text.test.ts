import { expect, test } from "vitest";

import { channelName, filled } from "./text";
import { ahead, date, day } from "./time";

test("places in texts are filled, and text in values is not filled again", () => {
  expect(filled("Hej {name}, {n} st", { name: "{n}", n: 3 })).toBe("Hej {n}, 3 st");
  expect(filled("Hej {name}!")).toBe("Hej !");
});

test("channels have names, also those we do not know", () => {
  expect(channelName("webchat", "sv")).toBe("Webbchatt");
  expect(channelName("twilio_sms", "en")).toBe("SMS");
  expect(channelName("vonage_sms", "sv")).toBe("SMS");
  expect(channelName("whatsapp_cloud", "en")).toBe("WhatsApp");
  expect(channelName("messenger", "en")).toBe("Messenger");
  expect(channelName("pigeon_post", "en")).toBe("Pigeon post");
});

test("days are told by how far they are away", () => {
  const now = new Date(2026, 2, 1, 12, 0);
  expect(day(new Date(2026, 2, 1, 0, 1), "sv", now)).toBe("I dag");
  expect(day(new Date(2026, 1, 28, 23, 59), "en", now)).toBe("Yesterday");
  expect(day(new Date(2026, 1, 24, 9, 0), "en", now)).toBe("Tuesday");
  expect(day(new Date(2025, 11, 24, 9, 0), "sv", now)).toBe("24 december 2025");
});

test("a birthday is the same day everywhere", () => {
  expect(date("1984-05-31", "sv")).toBe("31 maj 1984");
  expect(date("1984-05-31", "en")).toBe("31 May 1984");
});

test("moments to come are told by the day and the clock", () => {
  const now = new Date(2026, 2, 1, 12, 0);
  expect(ahead(new Date(2026, 2, 1, 17, 5), "sv", now)).toBe("i dag kl. 17:05");
  expect(ahead(new Date(2026, 2, 2, 8, 0), "en", now)).toBe("tomorrow at 08:00");
  expect(ahead(new Date(2026, 2, 4, 8, 0), "sv", now)).toBe("onsdag kl. 08:00");
  expect(ahead(new Date(2026, 2, 8, 8, 0), "en", now)).toBe("8 March at 08:00");
});
