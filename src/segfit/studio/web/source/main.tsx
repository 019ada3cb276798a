/** Starts the page: the project, the first image, and then whatever the server tells. */

import { render } from "preact";
import { Unreachable } from "./api/client";
import { listen } from "./api/events";
import { listenForKeys } from "./keys";
import { answers } from "./panels/answers";
import { App } from "./panels/app";
import { hearReport } from "./panels/judge";
import { loadProject, offerClasses, project, tell, tellError, untell } from "./state/app";
import {
  current,
  leaveGone,
  openImage,
  reloadImage,
  takeChange,
  takeProposal,
  wantedId,
} from "./state/current";
import { entryAt, loadPlaces, order, reloadImages, updateEntry } from "./state/images";
import { noteConnection, restore } from "./state/outbox";
import { regionsFound } from "./state/tools";
import { loadModels, loadTraining, training } from "./state/training";

const PROJECT_WAIT_MS = 400;
/** So many images are tried at the start; the first may be broken. */
const FIRST_TRIED = 8;
const waiting = { project: 0 };

/** Counts of classes follow the labels a little later: a stroke is many changes. */
function refreshProjectSoon(): void {
  clearTimeout(waiting.project);
  waiting.project = window.setTimeout(
    () => void loadProject().catch(() => undefined),
    PROJECT_WAIT_MS,
  );
}

function follow(): void {
  const seen = { before: false };
  listen(
    {
      image: (change) => {
        takeChange(change);
        refreshProjectSoon();
      },
      proposal: ({ id, rev }) => {
        takeProposal(id, rev);
        updateEntry(id, {});
      },
      classes: () => refreshProjectSoon(),
      images: () => {
        refreshProjectSoon();
        void reloadImages().then(openAgain, () => undefined);
      },
      queue: () => {
        if (order.value === "teach") void reloadImages().catch(() => undefined);
      },
      training: (event) => {
        training.value = event;
      },
      models: () => {
        void loadModels().catch(() => undefined);
        refreshProjectSoon();
      },
      answers: (event) => {
        answers.value = event;
      },
      regions: ({ id }) => {
        if (current.value?.id === id) regionsFound.value++;
      },
      judge: hearReport,
      note: ({ level, text, subject }) => {
        if (level === "gone") untell(subject, text);
        else tell(level, text, subject);
      },
    },
    (there) => {
      void noteConnection(there);
      if (there && seen.before) void catchUp();
      if (there) seen.before = true;
    },
  );
}

/** What may have changed while the server was not heard. */
async function catchUp(): Promise<void> {
  await Promise.allSettled([
    loadProject(),
    reloadImages(),
    loadTraining(),
    loadModels(),
    reloadImage(),
  ]);
}

async function openFirst(): Promise<void> {
  const asked = /^#image=(\d+)$/.exec(location.hash)?.[1];
  if (asked !== undefined) await openImage(Number(asked));
  if (current.value !== null) return;
  for (let place = 0; place < FIRST_TRIED && current.value === null; place++) {
    const entry = entryAt(place);
    if (entry !== undefined && entry.problem === null) await openImage(entry.id);
  }
}

/** Images came or went: one may be open now that is gone, or none where there is one now. */
async function openAgain(): Promise<void> {
  if (wantedId.value === null) return openFirst();
  if (current.value === null) return openImage(wantedId.value);
  await leaveGone();
}

async function start(): Promise<void> {
  const page = document.getElementById("studio");
  if (page === null) return;
  render(<App />, page);
  listenForKeys();
  addEventListener("hashchange", () => {
    const asked = /^#image=(\d+)$/.exec(location.hash)?.[1];
    if (asked !== undefined) void openImage(Number(asked));
  });
  try {
    await Promise.all([loadProject(), loadPlaces(0, 199)]);
  } catch (error) {
    tellError(error, "The folder is not shown");
    if (error instanceof Unreachable) setTimeout(() => location.reload(), 3000);
    return;
  }
  document.title = `${project.value?.name ?? "segfit"} – segfit studio`;
  await offerClasses();
  restore();
  follow();
  await openFirst();
  await Promise.allSettled([loadTraining(), loadModels()]);
}

void start();
