import { channelName, translator } from "@samtal/shared/text";
import { ahead } from "@samtal/shared/time";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { Channels } from "./channels";
import { Chime } from "./chime";
import { Composer } from "./composer";
import { Confirm } from "./confirm";
import { Elsewhere } from "./elsewhere";
import { pageName, type Embed } from "./embed";
import { useFiles } from "./files";
import { Icon } from "./icons";
import { identityWords, type Say } from "./identity-words";
import type { Acts } from "./line";
import { Log } from "./log";
import type { Memory } from "./memory";
import { Menu, type Entry } from "./menu";
import { authorOf } from "./naming";
import { Prove } from "./prove";
import type { ChatState, Offer, Target } from "./shapes";
import type { Shell } from "./shell";
import type { Talk } from "./talk";
import { download, transcript } from "./transcript";
import { useWatched } from "./watched";
import { reasonOf, words, type Translate } from "./words";

const ERASE = "intent:data.delete"; // as the content calls the wish
const COUNTED = 100; // places in the queue
const SMALL = "(max-width: 30em), (max-height: 26em)";

type Panel = { kind: "end" | "forget" | "erase" | "channels" } | { kind: "code"; target: Target; offer: Offer } | { kind: "prove"; target: Target } | null;

interface Props {
  embed: Embed;
  memory: Memory;
  talk: Talk;
  shell: Shell;
  draft: string;
}

export function Widget({ embed, memory, talk, shell, draft }: Props) {
  useWatched(talk);
  useWatched(talk.identity);
  useWatched(shell);
  const { open, language } = shell;
  const t = useMemo<Translate>(() => translator(words, language), [language]);
  const say = useMemo<Say>(() => translator(identityWords, language), [language]);
  const [menu, setMenu] = useState(false);
  const [panel, setPanel] = useState<Panel>(null);
  const { round } = talk;
  const [dropping, setDropping] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const launcher = useRef<HTMLButtonElement>(null);
  const small = useSmall();
  const dialog = useDialog(open, small);
  const files = useFiles(embed, talk.facts, () => talk.token);
  const site = talk.facts.site_name ?? pageName();
  const { unread } = talk;
  const provable = talk.facts.provable ?? [];

  useEffect(() => {
    if (open) talk.connect();
    if (shell.byHand) (open ? field : launcher).current?.focus();
  }, [open]);

  useEffect(() => {
    if (round === 0) return;
    files.clear();
    setPanel(null);
  }, [round]);

  const chime = useMemo(() => new Chime(), []);
  useLayoutEffect(() => {
    const seen = open && !document.hidden && document.hasFocus();
    if (talk.news && shell.sound && !seen) void chime.ring();
  }, [talk.news]);

  const goesOn = useRef(false); // the next question is answered where the one before was
  const acts = useMemo<Acts>(
    () => ({
      press: ({ title, payload }) => {
        goesOn.current = false;
        talk.write("press", { payload: payload ?? title, title });
        field.current?.focus();
      },
      answer: (text) => {
        talk.write("message", { text });
        goesOn.current = true;
        field.current?.focus();
      },
      goesOn: () => {
        const here = goesOn.current && field.current?.value === "";
        goesOn.current = false;
        return here;
      },
      retry: (key) => {
        talk.retry(key);
        field.current?.focus();
      },
      remove: (key) => {
        talk.remove(key);
        field.current?.focus();
      },
    }),
    [talk],
  );
  const back = () => {
    setPanel(null);
    field.current?.focus();
  };
  // The code was used: what is said about it stands in the conversation.
  const { moves } = talk.identity;
  useEffect(() => {
    if (moves === 0 || panel?.kind !== "code") return;
    if (dialog.current?.matches(":focus-within")) back();
    else setPanel(null);
  }, [moves]);
  const goElsewhere = async (target: Target) => {
    const offer = await talk.elsewhere(target);
    if (offer) setPanel({ kind: "code", target, offer });
  };
  const escape = () => {
    if (menu) {
      setMenu(false);
      dialog.current?.querySelector<HTMLElement>("#menu-button")?.focus();
    } else if (panel) back();
    else shell.show(false);
  };
  const entries: Entry[] = [];
  const leave = () => talk.write("leave_queue", {});
  if (talk.state.owner === "waiting") entries.push({ label: t("leave"), act: leave });
  else if (talk.state.owner !== "agent") entries.push({ label: t("human"), act: () => talk.write("ask_human", { text: t("human") }) });
  for (const target of talk.facts.channels ?? []) {
    entries.push({ label: t("elsewhere", { channel: called(target, talk.facts.channels ?? [], language) }), act: () => void goElsewhere(target) });
  }
  if (talk.token !== null) entries.push({ label: say("channels"), act: () => setPanel({ kind: "channels" }) });
  entries.push({ label: t("language"), lang: language === "sv" ? "en" : "sv", act: () => shell.speak(language === "sv" ? "en" : "sv") });
  entries.push({
    label: t(shell.sound ? "soundOff" : "soundOn"),
    act: () => {
      shell.sounds(!shell.sound);
      if (shell.sound) chime.play(); // this is how it sounds, and the click that browsers ask for
    },
  });
  if (talk.timeline.lines.length > 0) {
    entries.push({ label: t("save"), act: () => download(`${site}.txt`, transcript(talk.timeline.lines, site, t, language)) });
    if (talk.state.owner !== "nobody") entries.push({ label: t("end"), act: () => setPanel({ kind: "end" }) });
  }
  entries.push({ label: t("forget"), act: () => setPanel({ kind: "forget" }) });
  entries.push({ label: t("erase"), act: () => setPanel({ kind: "erase" }) });
  const chosen = entries.map((entry) => ({
    ...entry,
    act: () => {
      setMenu(false);
      field.current?.focus();
      entry.act();
    },
  }));
  const label = unread === 0 ? "" : unread === 1 ? t("unreadOne") : t("unread", { count: unread });
  const takesFiles = talk.facts.file_bytes !== undefined;
  const notice = talk.offline ? { word: "offline" as const } : talk.notice;

  return (
    <section class="widget" aria-label={t("chat")} lang={language}>
      <button
        type="button"
        id="launcher"
        class="primary"
        ref={launcher}
        hidden={open}
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => shell.show(true)}
      >
        <Icon of="chat" /> <span>{t("open")}</span>
        {unread > 0 && (
          <span id="unread">
            <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
            <span class="vh">, {label}</span>
          </span>
        )}
      </button>
      <dialog
        id="chat"
        ref={dialog}
        aria-labelledby="chat-title"
        onKeyDown={(event) => {
          if (event.key !== "Escape" || event.isComposing) return;
          event.preventDefault();
          event.stopPropagation();
          escape();
        }}
        onClick={(event) => {
          if (menu && event.target instanceof Element && !event.target.closest(".menu-place")) setMenu(false);
        }}
        onCancel={(event) => {
          event.preventDefault();
          escape();
        }}
        onClose={() => !dialog.current?.open && shell.show(false)}
        onDragOver={(event) => {
          if (!takesFiles || !event.dataTransfer?.types.includes("Files")) return;
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={(event) => {
          if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setDropping(false);
        }}
        onDrop={(event) => {
          setDropping(false);
          if (!takesFiles || !event.dataTransfer?.files.length) return;
          event.preventDefault();
          files.add(event.dataTransfer.files);
        }}
      >
        <header>
          <div class="title">
            <h2 id="chat-title" dir="auto">{site}</h2>
            <p id="owner" role="status" class={talk.state.owner}>
              {t(talk.state.owner, { name: talk.state.name ?? t("colleague") })}
            </p>
          </div>
          <Menu label={t("menu")} entries={chosen} open={menu} show={setMenu} />
          <button type="button" class="icon" id="close" aria-label={t("close")} onClick={() => shell.show(false)}>
            <Icon of="close" />
          </button>
        </header>
        <div id="banner" role="status" hidden={notice === null}>
          {notice && <span>{t(notice.word, { why: t(reasonOf(notice.why)) })}</span>}
          {notice && !talk.offline && (
            <button type="button" class="icon" aria-label={t("dismiss")} onClick={() => { talk.dismiss(); field.current?.focus(); }}>
              <Icon of="close" />
            </button>
          )}
        </div>
        <div id="queue" hidden={talk.state.place === undefined}>
          <p role="status">{standing(talk.state, t)}</p>
          <button type="button" class="quiet" onClick={() => { leave(); field.current?.focus(); }}>
            {t("leave")}
          </button>
        </div>
        {panel?.kind === "code" && (
          <Elsewhere {...panel} language={language} t={t} renew={() => void goElsewhere(panel.target)} close={back}>
            {provable.some((one) => same(one, panel.target)) && (
              <button type="button" id="prove-instead" class="quiet" onClick={() => setPanel({ kind: "prove", target: panel.target })}>
                {say("proveInstead")}
              </button>
            )}
          </Elsewhere>
        )}
        {panel?.kind === "prove" && (
          <Prove
            identity={talk.identity}
            target={panel.target}
            say={say}
            cancel={t("cancel")}
            type={(code) => {
              back();
              talk.write("message", { text: code });
            }}
            close={back}
          />
        )}
        {panel?.kind === "channels" && (
          <Channels
            identity={talk.identity}
            site={site}
            language={language}
            say={say}
            words={{ cancel: t("cancel"), done: t("done") }}
            add={provable[0] && (() => provable[0] && setPanel({ kind: "prove", target: provable[0] }))}
            close={back}
          />
        )}
        {panel?.kind === "end" && (
          <Confirm title="endTitle" text="endText" yes="endYes" t={t} act={() => { back(); void talk.end(); }} close={back} />
        )}
        {panel?.kind === "forget" && (
          <Confirm
            title="forgetTitle"
            text="forgetText"
            yes="forgetYes"
            t={t}
            act={() => {
              back();
              shell.show(false);
              shell.sounds(false);
              talk.forget();
            }}
            close={back}
          />
        )}
        {panel?.kind === "erase" && (
          <Confirm
            title="eraseTitle"
            text="eraseText"
            yes="eraseYes"
            t={t}
            act={() => {
              back();
              talk.write("press", { payload: ERASE, title: t("erase") });
            }}
            close={back}
          />
        )}
        <Log lines={talk.timeline.lines} unread={unread} hidden={!open || panel !== null} asking={talk.state.owner === "bot"} covered={menu} language={language} t={t} base={embed.base} acts={acts} saw={() => talk.saw()} />
        <p id="typing">{talk.typing !== null && <span>{t("typing", { name: talk.typing || t("colleague") })}</span>}</p>
        {panel === null && talk.state.owner === "nobody" && <p class="hint">{t("writeAgain")}</p>}
        {panel === null && talk.facts.hours?.open === false && talk.state.owner !== "agent" && (
          <p class="hint">
            {talk.facts.hours.opens_at ? t("closedUntil", { when: ahead(talk.facts.hours.opens_at, language) }) : t("closed")}
          </p>
        )}
        <Composer
          key={round}
          field={field}
          draft={round === 0 ? draft : ""}
          facts={talk.facts}
          files={files}
          t={t}
          keepDraft={(text) => memory.set("draft", text || null)}
          typed={() => talk.typed()}
          send={(text) => {
            goesOn.current = false;
            const ready = files.chosen.flatMap((one) => (one.ready ? [one.ready] : []));
            const ids = ready.map((one) => one.id);
            talk.write("message", { text, ...(ids.length > 0 ? { files: ids } : {}) }, ready.map((one) => one.attachment));
            files.clear();
          }}
        />
        {dropping && <div class="drop">{t("dropHere")}</div>}
      </dialog>
      <p class="vh" id="news" aria-live="polite">
        {talk.news && `${authorOf(talk.news, t)}: ${[talk.news.text, ...(talk.news.cards ?? []).map((card) => card.title)].join(" · ")}`}
      </p>
    </section>
  );
}

function same(one: Target, other: Target): boolean {
  return one.channel === other.channel && one.account === other.account;
}

/** Where somebody stands in the queue. */
function standing({ place, minutes }: ChatState, t: Translate): string {
  if (place === undefined) return "";
  const where = place === 1 ? t("placeNext") : t("place", { place: place > COUNTED ? `${COUNTED}+` : place });
  return minutes === undefined ? where : `${where} · ${t("inMinutes", { minutes })}`;
}

// Two accounts of one channel are told apart by their names.
function called(target: Target, all: Target[], language: Shell["language"]): string {
  const name = channelName(target.channel, language);
  return all.filter((one) => one.channel === target.channel).length > 1 ? `${name} (${target.account})` : name;
}

function useSmall(): boolean {
  const media = useMemo(() => matchMedia(SMALL), []);
  const [small, setSmall] = useState(media.matches);
  useEffect(() => {
    const look = () => setSmall(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return small;
}

/** Beside the page where there is room; over all of it, and alone in reach, where there is not. */
function useDialog(open: boolean, small: boolean) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const it = dialog.current;
    if (!it) return;
    const modal = it.matches(":modal");
    const focused = it.querySelector<HTMLElement>(":focus");
    if (it.open && (!open || modal !== small)) it.close();
    if (!open || it.open) return;
    if (small) it.showModal();
    else it.open = true; // unlike show(), this leaves the focus where it is
    focused?.focus(); // the window has another size now, and whoever writes goes on
  }, [open, small]);
  useEffect(() => {
    const view = window.visualViewport;
    if (!view || !small) return;
    const fit = () => dialog.current?.style.setProperty("--height", `${view.height}px`); // without the keyboard on the screen
    fit();
    view.addEventListener("resize", fit);
    return () => view.removeEventListener("resize", fit);
  }, [small]);
  return dialog;
}
