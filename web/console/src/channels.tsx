// The page on channels: how each account fares, and what to do.

import { Button, Skeleton } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { ask, Refusal } from "./api";
import { channelWords } from "./channel-texts";
import { ChannelIcon, Icon, type IconName } from "./icons";
import { useWords, type Words } from "./words";
import "./channels.css";

type State = "ok" | "warning" | "failing";
type Problem = "token_refused" | "signatures_refused" | "silent" | "rate_limited" | "sends_failing" | "sends_waiting";
type Say = ReturnType<typeof channelWords>;

interface Reason {
  problem: Problem;
  state: State;
  count: number;
  detail: string;
}

interface Health {
  state: State;
  reasons: Reason[];
  last_in: string | null;
  last_out: string | null;
  accepted: number;
  refused: number;
  waiting: number;
  limited_until: string | null;
}

interface Finding {
  topic: "public_url" | "webhooks" | "credentials";
  verdict: "right" | "wrong" | "unknown";
  what: string;
  mend: string;
}

/** An account as it is kept; `problem` says why it is not in service. */
interface Kept {
  channel: string;
  account: string;
  source: "file" | "api";
  problem: string | null;
}

interface Account {
  channel: string;
  account: string;
  health: Health | null;
}

const ICONS: Record<State, IconName> = { ok: "check", warning: "warn", failing: "close" };
const WORST: State[] = ["failing", "warning", "ok"];
const LOOK_MS = 10_000;
const HEALTH = ["health of channels"];

export default function ChannelsPage() {
  const words = useWords();
  const say = channelWords(words.language);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const found = useQuery({
    queryKey: HEALTH,
    queryFn: ({ signal }) => ask<{ channels: Account[] }>("GET", "/channels", { signal }),
    retry: (tries, error) => tries < 1 && !(error instanceof Refusal),
    refetchInterval: LOOK_MS,
  });
  const kept = useQuery({
    queryKey: ["kept accounts"],
    queryFn: ({ signal }) => ask<{ accounts: Kept[] }>("GET", "/channels/accounts", { signal }),
    retry: false,
    refetchInterval: LOOK_MS,
  });
  const out = kept.data?.accounts.filter((one) => one.problem) ?? [];
  const accounts = found.data?.channels.filter((one) => one.health) ?? [];
  return (
    <main className="channels" id="thread" tabIndex={-1} aria-busy={found.isPending}>
      <h1 ref={heading} tabIndex={-1}>
        {words.t("channels.title")}
      </h1>
      <p className="soft">{say("about")}</p>
      {found.isError && (
        <div className="channels-failed">
          <p role="alert">{say("failed")}</p>
          <Button variant="default" loading={found.isFetching} onClick={() => void found.refetch()}>
            {say("again")}
          </Button>
        </div>
      )}
      {found.isPending && (
        <>
          <p className="visually-hidden" role="status">
            {say("loading")}
          </p>
          <Skeleton height={120} />
          <Skeleton height={120} />
        </>
      )}
      {found.data && !accounts.length && !out.length && <p className="soft">{say("empty")}</p>}
      <ul className="accounts">
        {out.map((one) => (
          <li key={`${one.source} ${one.channel}/${one.account}`} className="account" data-state="failing">
            <h2>
              <ChannelIcon channel={one.channel} /> {channelName(one.channel, words.language)} <bdi className="soft">{one.channel}/{one.account}</bdi>
            </h2>
            <p className="account-state">
              <Icon name="close" size={16} /> {say("out")}
            </p>
            <p lang="en">{one.problem}</p>
          </li>
        ))}
        {accounts.sort(byState).map((one) => one.health && <OneAccount key={`${one.channel}/${one.account}`} account={one} health={one.health} words={words} say={say} />)}
      </ul>
    </main>
  );
}

// What needs somebody comes first.
function byState(one: Account, other: Account): number {
  const place = (account: Account) => WORST.indexOf(account.health?.state ?? "ok");
  return place(one) - place(other) || `${one.channel}/${one.account}`.localeCompare(`${other.channel}/${other.account}`);
}

interface OneAccountProps {
  account: Account;
  health: Health;
  words: Words;
  say: Say;
}

function OneAccount({ account, health, words, say }: OneAccountProps) {
  const at = (moment: string | null) => (moment ? whole(moment, words.language) : say("never"));
  return (
    <li className="account" data-state={health.state}>
      <h2>
        <ChannelIcon channel={account.channel} /> {channelName(account.channel, words.language)} <bdi className="soft">{account.channel}/{account.account}</bdi>
      </h2>
      <p className="account-state">
        <Icon name={ICONS[health.state]} size={16} /> {say(health.state)}
      </p>
      <dl>
        <Told term={say("last.in")} value={at(health.last_in)} />
        <Told term={say("last.out")} value={at(health.last_out)} />
        <Told term={say("webhooks")} value={say("webhooks.counts", { accepted: health.accepted, refused: health.refused })} />
        <Told term={say("waiting")} value={String(health.waiting)} />
      </dl>
      {health.reasons.length > 0 && (
        <ul className="reasons" aria-label={say("todo")}>
          {health.reasons.map((reason) => (
            <li key={reason.problem}>
              <strong>{say(`${reason.problem}.what`, { n: reason.count, time: at(health.limited_until) })}</strong> {say(`${reason.problem}.mend`)}
              {reason.detail && <span className="soft small"> {say("said", { detail: reason.detail })}</span>}
            </li>
          ))}
        </ul>
      )}
      <Check account={account} say={say} />
    </li>
  );
}

const VERDICTS: Record<Finding["verdict"], IconName> = { right: "check", wrong: "warn", unknown: "unknown" };

// What the check found is in the words of the server, which speaks English.
function Check({ account, say }: { account: Account; say: Say }) {
  const client = useQueryClient();
  const name = `${account.channel}/${account.account}`;
  const check = useMutation({
    mutationFn: () => ask<{ findings: Finding[] }>("POST", `/channels/${name}/check`),
    onSuccess: () => client.invalidateQueries({ queryKey: HEALTH }),
  });
  return (
    <div className="account-check">
      <Button variant="default" size="compact-sm" loading={check.isPending} aria-label={say("check.name", { account: name })} onClick={() => check.mutate()}>
        {say("check")}
      </Button>
      <div role="status">
        {check.isError && <p>{say("check.failed")}</p>}
        {check.data && (
          <ul className="findings" aria-label={say("check.found")}>
            {check.data.findings.map((one) => (
              <li key={one.topic} data-verdict={one.verdict}>
                <Icon name={VERDICTS[one.verdict]} size={16} /> <strong>{say(one.topic === "webhooks" ? "webhooks_topic" : one.topic)}:</strong> {say(one.verdict)}.{" "}
                <span lang="en">
                  {one.what}. {one.mend}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function Told({ term, value }: { term: string; value: string }) {
  return (
    <div>
      <dt className="soft small">{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}
