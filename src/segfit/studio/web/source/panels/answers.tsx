/** Take away what a model answers: it is asked in the background, and fetched when it is ready. */

import { signal } from "@preact/signals";
import { answersAddress, askForAnswers, dropAnswers, fetchAnswers } from "../api/client";
import type { Answers, TakeawayFormat } from "../api/types";
import { tellError } from "../state/app";
import { current } from "../state/current";
import { models } from "../state/training";
import { Icon } from "./icons";

type Which = "unlabelled" | "all" | "this";

export const answers = signal<Answers | null>(null);
const which = signal<Which>("unlabelled");
const format = signal<string | null>(null);

export async function loadAnswers(): Promise<void> {
  answers.value = await fetchAnswers();
}

async function begin(name: string): Promise<void> {
  const image = current.value;
  try {
    const images = which.value === "this" ? (image === null ? [] : [image.id]) : which.value;
    answers.value = await askForAnswers(images, name);
  } catch (error) {
    tellError(error, "The model was not asked");
  }
}

async function drop(): Promise<void> {
  try {
    answers.value = await dropAnswers();
  } catch (error) {
    tellError(error, "The answers are as they were");
  }
}

function Working({ now }: { now: Answers }) {
  return (
    <div class="answers-working" data-testid="answers-working">
      <progress value={now.share} aria-label="How far the answers are" />
      <span aria-live="polite">
        {now.done.toLocaleString("en")} of {now.images.toLocaleString("en")} images
      </span>
      <button type="button" class="button" data-testid="answers-stop" onClick={() => void drop()}>
        <Icon name="stop" /> Stop
      </button>
    </div>
  );
}

function Outcome({ now }: { now: Answers }) {
  if (now.state === "failed") {
    return (
      <p class="problem" role="alert" data-testid="answers-problem">
        No answers: {now.problem}
      </p>
    );
  }
  if (now.state !== "ready") return null;
  const answered = (now.done - now.failed).toLocaleString("en");
  return (
    <p class="answers-ready" data-testid="answers-ready">
      <a class="button accent" href={answersAddress} download data-testid="answers-download">
        <Icon name="download" /> Download
      </a>
      <span>
        {now.format} of {answered} {answered === "1" ? "image" : "images"}, by model {now.model}
        {now.failed > 0 && `; ${now.failed.toLocaleString("en")} left out: ${now.problem}`}
      </span>
    </p>
  );
}

const WHICH: { value: Which; text: string }[] = [
  { value: "unlabelled", text: "Images without labels" },
  { value: "all", text: "All images" },
  { value: "this", text: "The open image" },
];

/** Only where there is a model to ask; `formats`: what it can answer in. */
export function AnswersSection({ formats }: { formats: TakeawayFormat[] }) {
  const now = answers.value;
  const model = models.value.find((each) => each.current);
  const first = formats.find(({ name }) => name === "mask") ?? formats[0];
  if (model === undefined || first === undefined) return null;
  const name = formats.some((each) => each.name === format.value)
    ? (format.value ?? first.name)
    : first.name;
  return (
    <section aria-labelledby="answers-title">
      <h2 id="answers-title">What {model.name} says</h2>
      <fieldset class="choices">
        <legend>Which images</legend>
        {WHICH.map(({ value, text }) => (
          <label key={value} class="check">
            <input
              type="radio"
              name="answers"
              checked={which.value === value}
              disabled={value === "this" && current.value === null}
              data-testid={`answers-${value}`}
              onChange={() => {
                which.value = value;
              }}
            />
            {text}
          </label>
        ))}
      </fieldset>
      <label class="answers-format">
        <span>Format</span>
        <select
          data-testid="answers-format"
          value={name}
          onChange={(event) => {
            format.value = event.currentTarget.value;
          }}
        >
          {formats.map((each) => (
            <option key={each.name} value={each.name}>
              {each.name} – {each.purpose}
            </option>
          ))}
        </select>
      </label>
      {now?.state === "working" ? (
        <Working now={now} />
      ) : (
        <>
          {now !== null && <Outcome now={now} />}
          <button
            type="button"
            class="button"
            data-testid="answers-start"
            onClick={() => void begin(name)}
          >
            <Icon name="play" /> {now?.state === "ready" ? "Ask it again" : "Ask the model"}
          </button>
        </>
      )}
    </section>
  );
}
