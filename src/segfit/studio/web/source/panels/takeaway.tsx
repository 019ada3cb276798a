/** Take away: labels in any format, models, and the commands that would have done the same. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import {
  fetchCommands,
  fetchFormats,
  fetchTakeaway,
  modelAddress,
  Refused,
  sentence,
} from "../api/client";
import type { Command, TakeawayFormat } from "../api/types";
import { project, tell, tellError } from "../state/app";
import { current } from "../state/current";
import { total } from "../state/images";
import { loadModels, models } from "../state/training";
import { AnswersSection, loadAnswers } from "./answers";
import { Icon } from "./icons";

type Which = "all" | "done" | "this";

const formats = signal<TakeawayFormat[]>([]);
/** Formats that the model in use can answer in. */
const answerable = signal<TakeawayFormat[]>([]);
const commands = signal<Command[]>([]);
const which = signal<Which>("all");
const format = signal<string | null>(null);
/** Why there are no labels to take away. */
const lack = signal<string | null>(null);
const packing = signal(false);

/** Each part is loaded by itself: without labels there may still be a model to take away. */
async function load(): Promise<void> {
  const parts = [loadFormats(), loadCommands(), loadModels(), loadAnswers()];
  for (const part of await Promise.allSettled(parts)) {
    if (part.status === "rejected") tellError(part.reason, "What can be taken away is not listed");
  }
}

async function loadFormats(): Promise<void> {
  try {
    const offered = await fetchFormats();
    lack.value = null;
    formats.value = offered.formats;
    answerable.value = offered.answers;
    const usual = offered.formats.find(({ name }) => name === "mask") ?? offered.formats[0];
    format.value ??= usual?.name ?? null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    lack.value = error.detail;
  }
}

async function loadCommands(): Promise<void> {
  commands.value = (await fetchCommands()).commands;
}

async function download(): Promise<void> {
  const image = current.value;
  if (format.value === null) return;
  packing.value = true;
  try {
    const images = which.value === "this" ? (image === null ? [] : [image.id]) : which.value;
    const address = URL.createObjectURL(await fetchTakeaway(images, format.value));
    const link = document.createElement("a");
    link.href = address;
    link.download = `${project.value?.name ?? "labels"}-${format.value}.zip`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    tellError(error, "Nothing was packed");
  } finally {
    packing.value = false;
  }
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell("info", "Copied.");
  } catch {
    tell("warning", "This browser did not let the page copy; mark the line and copy it by hand.");
  }
}

function Which() {
  const { images, done } = project.value ?? { images: 0, done: 0 };
  const choices: { value: Which; text: string; none: boolean }[] = [
    {
      value: "all",
      text: `All with labels (of ${images.toLocaleString("en")})`,
      none: images === 0,
    },
    { value: "done", text: `Those that are done (${done.toLocaleString("en")})`, none: done === 0 },
    { value: "this", text: current.value?.name ?? "the open image", none: current.value === null },
  ];
  return (
    <fieldset class="choices">
      <legend>Which images</legend>
      {choices.map(({ value, text, none }) => (
        <label key={value} class="check">
          <input
            type="radio"
            name="which"
            disabled={none}
            checked={which.value === value}
            data-testid={`takeaway-${value}`}
            onChange={() => {
              which.value = value;
            }}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

const Labels = () => (
  <>
    <Which />
    <fieldset class="formats">
      <legend>Format</legend>
      {formats.value.map((each) => (
        <label key={each.name} class="format">
          <input
            type="radio"
            name="format"
            checked={format.value === each.name}
            data-testid={`format-${each.name}`}
            onChange={() => {
              format.value = each.name;
            }}
          />
          <b>{each.name}</b>
          <small>{each.purpose}</small>
        </label>
      ))}
    </fieldset>
    <button
      type="button"
      class="button accent"
      data-testid="takeaway-download"
      disabled={format.value === null || packing.value || total.value === 0}
      onClick={() => void download()}
    >
      <Icon name="download" /> {packing.value ? "Packing …" : "Download"}
    </button>
  </>
);

export function Takeaway() {
  useEffect(() => void load(), []);
  return (
    <main class="page takeaway" data-testid="takeaway">
      <section aria-labelledby="labels-title">
        <h2 id="labels-title">Labels</h2>
        {lack.value === null ? (
          <Labels />
        ) : (
          <p class="hint" data-testid="takeaway-lack">
            {sentence(lack.value)}
          </p>
        )}
      </section>
      <AnswersSection formats={answerable.value} />
      <section aria-labelledby="models-title">
        <h2 id="models-title">Model</h2>
        {models.value.length === 0 ? (
          <p class="hint">There is none yet: press Train once a few images have labels.</p>
        ) : (
          <ul class="download-list">
            {models.value.map((model) => (
              <li key={model.id}>
                <a
                  class="button"
                  href={modelAddress(model.id)}
                  download={`${model.name}.segfit`}
                  data-testid={`takeaway-model-${model.id}`}
                >
                  <Icon name="download" /> {model.name}
                </a>
                {model.mean_iou !== null && <small>mean IoU {model.mean_iou.toFixed(3)}</small>}
                {model.current && <small>in use</small>}
              </li>
            ))}
          </ul>
        )}
      </section>
      <section aria-labelledby="commands-title">
        <h2 id="commands-title">The same on the command line</h2>
        <p class="hint">
          Labels lie in the folder in the layout that segfit reads; these lines work now.
        </p>
        <ul class="commands">
          {commands.value.map(({ title, command }) => (
            <li key={title}>
              <span>{title}</span>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long line is scrolled by keys */}
              <pre tabIndex={0}>{command}</pre>
              <button
                type="button"
                class="icon-button"
                aria-label={`Copy: ${title}`}
                title="Copy"
                onClick={() => void copy(command)}
              >
                <Icon name="copy" />
              </button>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}
