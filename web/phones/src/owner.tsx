// Whose phone it is: somebody from before, somebody new, or a number of one's own.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import { kindOf, newcomer, type Person, plausible } from "./people";
import type { Account } from "./server";
import type { Say } from "./texts";

interface Props {
  account: Account;
  /** The one whose phone it is comes first. */
  known: Person[];
  say: Say;
  onChoose(person: Person): void;
}

export function Owner({ account, known, say, onChoose }: Props) {
  const [changing, setChanging] = useState(false);
  const seen = account.users.filter((user) => !known.some((person) => person.user === user));
  const all = [...known, ...seen.map((user) => ({ user, name: "" }))].sort((one, other) =>
    one.user.localeCompare(other.user),
  );
  const other = useRef<HTMLButtonElement>(null);
  if (changing) {
    const done = (user?: string) => {
      setChanging(false);
      if (user) onChoose(all.find((person) => person.user === user) ?? { user, name: "" });
      else requestAnimationFrame(() => other.current?.focus());
    };
    return <Change account={account} user={known[0]?.user ?? ""} say={say} onDone={done} />;
  }
  return (
    <div class="owner">
      <select
        aria-label={say("customer")}
        value={known[0]?.user ?? ""}
        onChange={(event) => {
          const person = all.find((one) => one.user === event.currentTarget.value);
          if (person) onChoose(person);
        }}
      >
        {all.map(({ user, name }) => (
          <option key={user} value={user}>
            {name ? `${user}, ${name}` : user}
          </option>
        ))}
      </select>
      <button ref={other} type="button" onClick={() => setChanging(true)}>
        {say("change")}
      </button>
      <button type="button" onClick={() => onChoose(newcomer(account.channel, all.map((person) => person.user)))}>
        {say("new_customer")}
      </button>
    </div>
  );
}

interface ChangeProps {
  account: Account;
  user: string;
  say: Say;
  /** With nothing: as it was. */
  onDone(user?: string): void;
}

function Change({ account, user, say, onDone }: ChangeProps) {
  const [value, setValue] = useState(user);
  const [bad, setBad] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const kind = kindOf(account.channel);
  useEffect(() => field.current?.select(), []);
  return (
    <form
      class="owner"
      onSubmit={(event) => {
        event.preventDefault();
        if (plausible(account.channel, value.trim())) return onDone(value.trim());
        setBad(true);
        field.current?.focus();
      }}
      onKeyDown={(event) => event.key === "Escape" && onDone()}
    >
      <input
        ref={field}
        aria-label={say(kind)}
        aria-describedby={id}
        aria-invalid={bad}
        inputMode={kind === "number" ? "tel" : "text"}
        autocomplete="off"
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit">{say("use")}</button>
      <button type="button" onClick={() => onDone()}>
        {say("cancel")}
      </button>
      <p id={id} class="hint" role="alert" data-bad={bad}>
        {bad && say(kind === "number" ? "bad_number" : "bad_user")}
      </p>
    </form>
  );
}
