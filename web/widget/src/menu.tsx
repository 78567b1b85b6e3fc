import { useEffect, useRef } from "preact/hooks";

import { Icon } from "./icons";

export interface Entry {
  label: string;
  /** The language of the label, where it is another than the widget's. */
  lang?: string;
  act(): void;
}

interface Props {
  label: string;
  entries: Entry[];
  open: boolean;
  show(open: boolean): void;
}

/** What else can be done: a button that shows a list of buttons. */
export function Menu({ label, entries, open, show }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (open) list.current?.querySelector("button")?.focus();
  }, [open]);
  const buttons = () => [...(list.current?.querySelectorAll("button") ?? [])];
  const step = (event: KeyboardEvent) => {
    const all = buttons();
    const at = all.indexOf(event.target as HTMLButtonElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all.at(next % all.length)?.focus();
  };
  const leave = (event: FocusEvent) => {
    const to = event.relatedTarget;
    const inside = to instanceof Node && (list.current?.contains(to) || button.current?.contains(to));
    if (open && to !== null && !inside) show(false);
  };
  return (
    <div class="menu-place" onFocusOut={leave}>
      <button type="button" id="menu-button" class="icon" ref={button} aria-label={label} aria-expanded={open} aria-controls="menu" onClick={() => show(!open)}>
        <Icon of="more" />
      </button>
      <ul id="menu" class="menu" ref={list} hidden={!open} onKeyDown={step}>
        {entries.map((entry) => (
          <li key={entry.label}>
            <button type="button" lang={entry.lang} onClick={entry.act}>
              {entry.label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
