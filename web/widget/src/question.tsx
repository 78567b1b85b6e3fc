import { useEffect, useRef, useState } from "preact/hooks";

import { fits } from "./fits";
import { Icon } from "./icons";
import type { Question } from "./shapes";
import type { Translate } from "./words";

interface Props {
  question: Question;
  lang: string | undefined;
  t: Translate;
  answer(text: string): void;
  /** Whether the one before was answered in its input, and this one is to be typed in at once. */
  goesOn(): boolean;
}

/** An input for what is asked; the field for messages takes the answer just as well. */
export function Asked({ question, lang, t, answer, goesOn }: Props) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState("");
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const { kind, label, example, max_length } = question;
  const told = [...(example ? ["answer-example"] : []), ...(wrong ? ["answer-wrong"] : [])].join(" ");
  useEffect(() => {
    if (goesOn()) input.current?.focus();
  }, []);

  const submit = () => {
    const said = text.trim();
    if (said && fits(said, question)) return answer(said);
    setWrong(said && example ? t("answerLike", { example }) : t("answerMissing", { label }));
    input.current?.focus();
  };
  const shared = {
    id: "answer",
    ref: input,
    value: text,
    maxLength: max_length,
    required: true,
    dir: "auto" as const,
    autocomplete: "off" as const,
    "aria-invalid": wrong !== "",
    ...(told ? { "aria-describedby": told } : {}),
    onInput: (event: { currentTarget: { value: string } }) => {
      setText(event.currentTarget.value);
      if (wrong) setWrong("");
    },
  };
  return (
    <form
      class="asked"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label for="answer" lang={lang}>
        {label}
      </label>
      {example && (
        <p class="example" id="answer-example">
          {t("forExample", { example })}
        </p>
      )}
      <div class="row">
        {kind === "long_text" ? (
          <textarea {...shared} rows={3} />
        ) : (
          <input {...shared} type="text" inputMode={kind === "number" ? "numeric" : "text"} {...(kind === "order_number" ? { autocapitalize: "characters", spellcheck: false } : {})} />
        )}
        <button type="submit" class="primary send" aria-label={t("sendAnswer", { label })}>
          <Icon of="send" />
        </button>
      </div>
      <p class="wrong" id="answer-wrong" role="alert">
        {wrong}
      </p>
    </form>
  );
}
