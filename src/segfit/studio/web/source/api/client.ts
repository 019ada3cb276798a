/** Requests to the studio's server: one function a route, errors as people read them. */

import type {
  Answers,
  ClassDraft,
  Command,
  ImageDetail,
  ImageList,
  ImageState,
  Model,
  Operation,
  Order,
  Outcome,
  Point,
  PointInfo,
  Project,
  Region,
  Snapped,
  Source,
  TakeawayFormat,
  Training,
  UnsurePlace,
} from "./types";

/** The server answered, and said no; `detail` is its sentence, `body` all that it said. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly body: Record<string, unknown>,
  ) {
    super(detail);
  }
}

/** No answer: the server has stopped, or the connection to it is lost. */
export class Unreachable extends Error {}

const WHAT_STATUS_MEANS: Record<number, string> = {
  401: "This page's key is no longer valid. Open the address that `segfit studio` printed; the labels are safe.",
  413: "That was too large to send in one piece.",
};

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method !== undefined && init.method !== "GET") headers.set("X-Segfit", "studio");
  if (typeof init.body === "string") headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("The studio's server does not answer.");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const said = [body.detail, body.title].find((text) => typeof text === "string" && text !== "");
  throw new Refused(
    response.status,
    WHAT_STATUS_MEANS[response.status] ?? said ?? `The server answered ${response.status}.`,
    body,
  );
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, signal === undefined ? {} : { signal })).json();
}

async function send<T>(method: "PUT" | "POST" | "DELETE", path: string, body?: unknown) {
  const init: RequestInit = { method };
  if (body !== undefined) init.body = JSON.stringify(body);
  const text = await (await ask(path, init)).text();
  return (text === "" ? {} : JSON.parse(text)) as T;
}

/** The sentence that a person reads about an error. */
export function explain(error: unknown): string {
  if (error instanceof Refused || error instanceof Unreachable) return error.message;
  return error instanceof Error ? error.message : String(error);
}

/** What the server says of a refusal begins small and has no stop. */
export const sentence = (said: string): string =>
  `${said.charAt(0).toUpperCase()}${said.slice(1)}${/[.!?]$/.test(said) ? "" : "."}`;

export const fetchProject = () => get<Project>("/api/project");

export const saveClasses = (version: number, classes: ClassDraft[], dropLabels = false) =>
  send<Project>("PUT", "/api/classes", {
    version,
    classes,
    ...(dropLabels ? { drop_labels: true } : {}),
  });

export const saveName = (name: string) => send<unknown>("PUT", "/api/me", { name });

export const fetchImages = (offset: number, limit: number, order: Order) =>
  get<ImageList>(`/api/images?offset=${offset}&limit=${limit}&order=${order}`);

export const fetchImage = (id: number, signal?: AbortSignal) =>
  get<ImageDetail>(`/api/images/${id}`, signal);

export const saveState = (id: number, state: ImageState) =>
  send<Partial<ImageDetail>>("PUT", `/api/images/${id}/state`, { state });

export const thumbnailAddress = (id: number) => `/api/images/${id}/thumbnail`;

/** Tiles are kept by the browser: with the run of the studio, as another folder may be here tomorrow. */
type Tiled = Pick<ImageDetail, "id" | "run">;

export const tileAddress = ({ id, run }: Tiled, level: number, x: number, y: number) =>
  `/api/images/${id}/tiles/${level}/${x}/${y}?run=${run}`;

export const labelAddress = (
  { id, run }: Tiled,
  level: number,
  x: number,
  y: number,
  rev: number,
) => `/api/images/${id}/labels/${level}/${x}/${y}?rev=${rev}&run=${run}`;

export const proposalAddress = (id: number, level: number, x: number, y: number, rev: number) =>
  `/api/images/${id}/proposal/${level}/${x}/${y}?rev=${rev}`;

/** `id` lets the server know an operation that is sent again; `group` joins the pieces of a stroke. */
export const sendOperation = (
  image: number,
  operation: Operation & { rev: number; id: string; group?: string },
) => send<Outcome>("POST", `/api/images/${image}/operations`, operation);

export const sendStep = (image: number, step: "undo" | "redo", id: string) =>
  send<Outcome>("POST", `/api/images/${image}/${step}`, { id });

export const fetchPoint = (image: number, x: number, y: number, signal: AbortSignal) =>
  get<PointInfo>(`/api/images/${image}/point?x=${x}&y=${y}`, signal);

/** The region at a point, of a scale (0 the finest), or of about an area in pixels. */
export const fetchRegion = (
  image: number,
  [x, y]: Point,
  size: { scale: number } | { area: number },
  signal: AbortSignal,
) => {
  const sized = "scale" in size ? `scale=${size.scale}` : `area=${size.area}`;
  return get<Region>(`/api/images/${image}/region?x=${x}&y=${y}&${sized}`, signal);
};

export const snap = (image: number, points: Point[]) =>
  send<Snapped>("POST", `/api/images/${image}/snap`, { points });

export const fetchUnsure = (image: number) =>
  get<{ places: UnsurePlace[] }>(`/api/images/${image}/unsure?limit=20`);

export const saveSource = (source: Source, model: number | null) =>
  send<unknown>("PUT", "/api/proposals", { source, model });

export const fetchTraining = () => get<Training>("/api/training");
/** Without `minutes`, the server chooses by how much there is to learn from. */
export const startTraining = (minutes: number | null) =>
  send<Training>("POST", "/api/training", { minutes });
export const steerTraining = (step: "pause" | "continue" | "stop") =>
  send<Training>("POST", `/api/training/${step}`);

export const fetchModels = () => get<{ models: Model[] }>("/api/models");
export const takeModel = (id: number) => send<unknown>("POST", `/api/models/${id}/use`);
export const deleteModel = (id: number) => send<unknown>("DELETE", `/api/models/${id}`);
export const modelAddress = (id: number) => `/api/models/${id}/file`;

export const judgeAddress = (model: number, against: number | null) =>
  `/api/judge?model=${model}${against === null ? "" : `&against=${against}`}`;

/** How far the report is, from 0 to 1; at 1 it can be had at its address. */
export async function askForReport(model: number, against: number | null): Promise<number> {
  const response = await ask(judgeAddress(model, against));
  return response.status === 202 ? (await response.json()).share : 1;
}

/** Formats of labels, and of what the model in use answers. */
export const fetchFormats = () =>
  get<{ formats: TakeawayFormat[]; answers: TakeawayFormat[] }>("/api/takeaway/formats");
export const fetchCommands = () => get<{ commands: Command[] }>("/api/takeaway/commands");

/** The zip file of the chosen images' labels in one format. */
export async function fetchTakeaway(
  images: "all" | "done" | number[],
  format: string,
): Promise<Blob> {
  const body = JSON.stringify({ images, format });
  return (await ask("/api/takeaway", { method: "POST", body })).blob();
}

export const fetchAnswers = () => get<Answers>("/api/takeaway/answers");
export const askForAnswers = (images: "all" | "unlabelled" | number[], format: string) =>
  send<Answers>("POST", "/api/takeaway/answers", { images, format });
export const dropAnswers = () => send<Answers>("DELETE", "/api/takeaway/answers");
export const answersAddress = "/api/takeaway/answers/file";
