// Small line drawings; they say nothing that the words beside them do not.

import { channelKind } from "@samtal/shared/text";

const PATHS = {
  webchat: "M4 5h16v11H9l-5 4z",
  sms: "M7 2h10v20H7zM11 18h2",
  whatsapp: "M12 3a9 9 0 0 0-7.8 13.5L3 21l4.6-1.2A9 9 0 1 0 12 3zM9 8.5c0 3.5 3 6.5 6.5 6.5l1-1.8-2.3-1-.9 1a5 5 0 0 1-2.5-2.5l1-.9-1-2.3z",
  telegram: "M21 4 3 11l6 2.5M21 4l-3 16-9-6.5M21 4 9 13.5V20l3.2-3.6",
  messenger: "M12 3c5 0 9 3.7 9 8.3s-4 8.2-9 8.2c-.9 0-1.8-.1-2.6-.3L6 21v-3.2C4.2 16.3 3 14 3 11.3 3 6.7 7 3 12 3zM7.5 13.5l3-3.3 3 2 3-3",
  channel: "M4 12h16M12 4v16",
  back: "M15 5l-7 7 7 7",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-4.8-4.8",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .9-1 1.7M12 16.5v.1",
  card: "M3 5h18v14H3zM15 5v14M6 9h6M6 13h4",
  more: "M5 11.2a.8.8 0 1 0 0 1.6.8.8 0 0 0 0-1.6zM12 11.2a.8.8 0 1 0 0 1.6.8.8 0 0 0 0-1.6zM19 11.2a.8.8 0 1 0 0 1.6.8.8 0 0 0 0-1.6z",
  note: "M5 3h10l4 4v14H5zM15 3v4h4M8.5 12h7M8.5 16h5",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  sent: "M5 12.5l4.5 4.5L19 7.5",
  delivered: "M2 12.5 6.5 17 15 8.5M12 16l1 1 9-9",
  warn: "M12 3 2.5 20h19zM12 10v4.5M12 17.2v.1",
  unknown: "M9.5 9a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .9-1 1.7M12 16.5v.1",
  down: "M12 4v15M6 13l6 6 6-6",
  attach: "M20 11.5l-8.5 8.5a5 5 0 0 1-7-7L13 4.5a3.3 3.3 0 0 1 4.7 4.7L9.5 17.5a1.7 1.7 0 0 1-2.4-2.4l7.4-7.4",
  image: "M3 5h18v14H3zM3 16l5-5 5 5M12.5 15l3.5-3.5 5 5M15.5 8.5h.01",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  copy: "M8 8h12v13H8zM16 8V3H4v13h4",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 3.5-6.5 8-6.5s8 2.5 8 6.5",
  close: "M6 6l12 12M18 6 6 18",
  settings: "M4 7h10M18 7h2M14 4.5v5M4 17h2M10 17h10M10 14.5v5",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  pencil: "M4 20l1-4.5L16 4.5a2.1 2.1 0 0 1 3 3L8.5 19zM14 6.5l3 3",
  check: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12.5l2.8 2.8L16 9.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function ChannelIcon({ channel, size = 16 }: { channel: string; size?: number }) {
  const kind = channelKind(channel);
  return <Icon name={kind in PATHS ? (kind as IconName) : "channel"} size={size} />;
}
