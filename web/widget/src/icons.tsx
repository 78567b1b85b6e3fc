const PATHS = {
  chat: "M4 5h16v11H9l-4 4v-4H4z",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  close: "M6 6l12 12M18 6 6 18",
  send: "M5 12h13M12 5l7 7-7 7",
  clip: "M8 12.5l5.5-5.5a3 3 0 0 1 4.2 4.2l-7.8 7.8a5 5 0 0 1-7-7L11 4",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  down: "M12 5v13M6 12l6 6 6-6",
  alert: "M12 4 2.5 20h19zM12 10v4M12 17h.01",
};

export function Icon({ of }: { of: keyof typeof PATHS }) {
  return (
    <svg class={`icon-${of}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[of]} />
    </svg>
  );
}
