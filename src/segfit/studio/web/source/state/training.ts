/** The training under way, and the models that trainings left. */

import { computed, signal } from "@preact/signals";
import { fetchModels, fetchTraining, startTraining, steerTraining } from "../api/client";
import type { Model, Training } from "../api/types";
import { remembered, tellError } from "./app";

export const training = signal<Training | null>(null);
export const models = signal<Model[]>([]);
/** How long a training takes; 0 leaves it to the server. */
export const minutes = remembered<number>("minutes", 0);

export const busy = computed(() =>
  ["preparing", "running", "paused", "stopping"].includes(training.value?.state ?? "idle"),
);

export async function loadTraining(): Promise<void> {
  training.value = await fetchTraining();
}

export async function loadModels(): Promise<void> {
  models.value = (await fetchModels()).models;
}

export async function train(): Promise<void> {
  try {
    await startTraining(minutes.value === 0 ? null : minutes.value);
    await loadTraining();
  } catch (error) {
    tellError(error, "The training did not start");
  }
}

export async function steer(step: "pause" | "continue" | "stop"): Promise<void> {
  try {
    await steerTraining(step);
    await loadTraining();
  } catch (error) {
    tellError(error, "The training goes on as it was");
  }
}
