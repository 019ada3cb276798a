/** Judge: the models that were trained, and the report of one of them. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import {
  askForReport,
  deleteModel,
  explain,
  judgeAddress,
  modelAddress,
  saveSource,
  takeModel,
} from "../api/client";
import type { Events, Model } from "../api/types";
import { frozen, loadProject, project, tellError } from "../state/app";
import { loadModels, models } from "../state/training";
import { Icon } from "./icons";

const chosen = signal<number | null>(null);
const against = signal<number | null>(null);

/** The report that is asked for: how far it is, or why there is none. */
const report = signal<{ address: string; share: number; problem: string | null } | null>(null);

async function fetchReport(model: number, other: number | null): Promise<void> {
  const address = judgeAddress(model, other);
  if (report.value?.address !== address) report.value = { address, share: 0, problem: null };
  try {
    const share = await askForReport(model, other);
    if (report.value?.address === address) report.value = { address, share, problem: null };
  } catch (error) {
    if (report.value?.address === address)
      report.value = { address, share: 0, problem: explain(error) };
  }
}

/** What the server says of a report that it makes. */
export function hearReport({ model, against: other, share, problem }: Events["judge"]): void {
  const address = judgeAddress(model, other);
  if (report.value?.address !== address) return;
  if (share >= 1 && problem === null) void fetchReport(model, other);
  else report.value = { address, share, problem };
}

const shown = (): Model | null =>
  models.value.find(({ id }) => id === chosen.value) ??
  models.value.find(({ current }) => current) ??
  models.value[0] ??
  null;

async function attempt(action: () => Promise<unknown>, failure: string): Promise<void> {
  try {
    await action();
    await Promise.all([loadModels(), loadProject()]);
  } catch (error) {
    tellError(error, failure);
  }
}

async function propose(model: Model): Promise<void> {
  await attempt(async () => {
    await takeModel(model.id);
    await saveSource("model", model.id);
  }, "The model is not in use");
}

async function remove(model: Model): Promise<void> {
  if (!confirm(`Delete “${model.name}”? Labels stay; the model cannot be brought back.`)) return;
  if (chosen.value === model.id) chosen.value = null;
  if (against.value === model.id) against.value = null;
  await attempt(() => deleteModel(model.id), "The model is still there");
}

function ModelCard({ model }: { model: Model }) {
  const open = shown()?.id === model.id;
  const inUse = model.current && project.value?.source === "model";
  return (
    <li class={open ? "model-card open" : "model-card"} data-testid={`model-${model.id}`}>
      <button
        type="button"
        class="model-choice"
        aria-pressed={open}
        onClick={() => {
          chosen.value = model.id;
          if (against.value === model.id) against.value = null;
        }}
      >
        <b>{model.name}</b>
        <span class="figure">{model.mean_iou === null ? "–" : model.mean_iou.toFixed(3)}</span>
        <small>
          {model.images} {model.images === 1 ? "image" : "images"}, {model.minutes.toFixed(1)} min
        </small>
        <small>mean IoU</small>
        {!model.complete && <small class="wide">ended early: the best so far</small>}
        {model.note && <small class="wide">{model.note}</small>}
      </button>
      <footer>
        {inUse ? (
          <span class="hint">proposes now</span>
        ) : (
          <button
            type="button"
            class="quiet"
            data-testid={`model-${model.id}-use`}
            disabled={frozen.value}
            onClick={() => void propose(model)}
          >
            Use for proposals
          </button>
        )}
        <a
          class="quiet"
          href={modelAddress(model.id)}
          download={`${model.name}.segfit`}
          title="Download the model"
        >
          <Icon name="download" />
          <span class="unseen">Download {model.name}</span>
        </a>
        <button
          type="button"
          class="quiet"
          title="Delete the model"
          disabled={frozen.value}
          onClick={() => void remove(model)}
        >
          <Icon name="delete" />
          <span class="unseen">Delete {model.name}</span>
        </button>
      </footer>
    </li>
  );
}

function Report({ model }: { model: Model }) {
  const other = against.value;
  useEffect(() => void fetchReport(model.id, other), [model.id, other]);
  const found = report.value;
  if (found === null) return null;
  if (found.problem !== null) {
    return (
      <div class="empty" role="alert" data-testid="report-problem">
        <h2>There is no report</h2>
        <p>{found.problem}</p>
        <button type="button" class="button" onClick={() => void fetchReport(model.id, other)}>
          Try again
        </button>
      </div>
    );
  }
  if (found.share < 1) {
    return (
      <div class="making" data-testid="report-making">
        <p>The model is measured on images that it has not seen …</p>
        <progress value={found.share} aria-label="How far the report is" />
      </div>
    );
  }
  return (
    <iframe
      key={found.address}
      title={`Report of ${model.name}`}
      sandbox="allow-scripts"
      src={found.address}
      data-testid="report"
    />
  );
}

export function Judge() {
  useEffect(() => {
    loadModels().catch((error) => tellError(error, "The models are not listed"));
  }, []);
  const model = shown();
  if (model === null) {
    return (
      <main class="page" data-testid="judge">
        <div class="empty">
          <h2>No model to judge yet</h2>
          <p>
            Label a few images, then press <b>Train</b>. How good the model is on images that it has
            not seen is shown here.
          </p>
          <a class="button accent" href="#image">
            Go on labelling
          </a>
        </div>
      </main>
    );
  }
  const others = models.value.filter(({ id }) => id !== model.id);
  return (
    <main class="page judge" data-testid="judge">
      <nav class="model-list" aria-label="Models">
        <h2>Models</h2>
        <ul>
          {models.value.map((each) => (
            <ModelCard key={each.id} model={each} />
          ))}
        </ul>
        {project.value?.source === "model" && (
          <button
            type="button"
            class="quiet"
            data-testid="source-strokes"
            onClick={() =>
              void attempt(() => saveSource("strokes", null), "Proposals are as they were")
            }
          >
            Propose from strokes again
          </button>
        )}
      </nav>
      <section class="report" aria-label="Report">
        <header>
          <h2>{model.name}</h2>
          {others.length > 0 && (
            <label>
              beside
              <select
                data-testid="judge-against"
                value={against.value ?? ""}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  against.value = value === "" ? null : Number(value);
                }}
              >
                <option value="">no other model</option>
                {others.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          )}
          <a class="quiet" href={judgeAddress(model.id, against.value)} download="report.html">
            <Icon name="download" /> Save the report
          </a>
        </header>
        <Report model={model} />
      </section>
    </main>
  );
}
