/** What the server answers, as its routes say it. Points are (x, y) in full-resolution pixels. */

export type Point = [number, number];
export type Box = [number, number, number, number];
export type Rgb = [number, number, number];
export type ImageState = "new" | "proposed" | "corrected" | "done";
export type Source = "strokes" | "model";
export type Order = "name" | "teach";

export interface ClassEntry {
  index: number;
  name: string;
  color: string;
  key: string;
  has_objects: boolean;
  pixels: number;
  objects: number;
}

/** A class as it is sent: `index` is null where it is new. */
export interface ClassDraft {
  index: number | null;
  name: string;
  color: string;
  key: string;
  has_objects: boolean;
}

export interface Project {
  name: string;
  folder: string;
  read_only: boolean;
  why_read_only: string | null;
  images: number;
  done: number;
  classes_version: number;
  classes: ClassEntry[];
  /** Empty until it was said. */
  me: string;
  notes: string[];
  model: { id: number; name: string } | null;
  source: Source;
}

export interface Note {
  level: "info" | "warning" | "error";
  text: string;
}

export interface ImageEntry {
  id: number;
  name: string;
  width: number | null;
  height: number | null;
  state: ImageState;
  rev: number;
  worth: number | null;
  problem: string | null;
}

export interface ImageDetail extends ImageEntry {
  width: number;
  height: number;
  levels: number;
  tile: number;
  /** What was done to show it (16 bit, channels); empty for most images. */
  depth_note: string;
  can_undo: boolean;
  can_redo: boolean;
  /** 0 where nothing is proposed yet. */
  proposal_rev: number;
  /** The run of the studio. */
  run: string;
}

export interface ImageList {
  total: number;
  images: ImageEntry[];
}

export type AcceptWhat = "all" | "region" | "rectangle" | "class" | "surer";

export type Operation =
  | { kind: "stroke"; class: number; points: Point[]; radius: number }
  | { kind: "erase"; points: Point[]; radius: number }
  | { kind: "region"; class: number; x: number; y: number; scale: number }
  | { kind: "polygon"; class: number; points: Point[]; snap: boolean }
  | { kind: "rectangle"; class: number; box: Box }
  | { kind: "fill"; class: number; x: number; y: number }
  | { kind: "hole"; points: Point[] }
  | { kind: "split"; points: Point[] }
  | { kind: "merge"; points: Point[] }
  | { kind: "delete"; x: number; y: number }
  | { kind: "change"; class: number; x: number; y: number }
  | { kind: "smooth"; x: number; y: number }
  | {
      kind: "accept";
      what: AcceptWhat;
      x?: number;
      y?: number;
      scale?: number;
      box?: Box;
      class?: number;
      confidence?: number;
    }
  | { kind: "clear" };

/** What an operation, an undo or a redo did. */
export interface Outcome {
  rev: number;
  dirty: Box | null;
  state: ImageState;
  changed_px: number;
  message: string | null;
  can_undo: boolean;
  can_redo: boolean;
}

export interface PointInfo {
  label: { class: number; origin: "accepted" | "hand"; object: number } | null;
  proposal: { class: number; confidence: number } | null;
  object: { area_px: number; error_px: number | null } | null;
}

export interface Region {
  outline: Point[][];
  area_px: number;
  scale: number;
  scales: number;
}

export interface Snapped {
  points: Point[];
  error_px: number[];
  mean_error_px: number;
}

export interface UnsurePlace {
  x: number;
  y: number;
  confidence: number;
}

export type TrainingState =
  | "idle"
  | "preparing"
  | "running"
  | "paused"
  | "stopping"
  | "failed"
  | "finished";

export interface Training {
  state: TrainingState;
  share: number;
  seconds_left: number | null;
  steps: number | null;
  step: number | null;
  curve: { step: number; loss: number }[];
  rounds: { step: number; mean_iou: number | null; iou: Record<string, number | null> }[];
  message: string | null;
  model: number | null;
  /** Not on every system. */
  can_pause: boolean;
  can_continue: boolean;
}

export interface Model {
  id: number;
  name: string;
  /** Seconds since 1970. */
  made: number;
  /** How many it learned from. */
  images: number;
  /** How many its figures are measured on. */
  held_out: number;
  mean_iou: number | null;
  iou: Record<string, number | null>;
  minutes: number;
  current: boolean;
  /** False for the best so far of a training that was stopped. */
  complete: boolean;
  /** What does not fit the classes of today; empty for most. */
  note: string | null;
}

export interface TakeawayFormat {
  name: string;
  purpose: string;
}

/** How far a model is with its answers, or what came of it. */
export interface Answers {
  state: "none" | "working" | "ready" | "failed";
  model: number | null;
  format: string;
  images: number;
  done: number;
  /** Images without an answer; `problem` says why, or why there is nothing at all. */
  failed: number;
  share: number;
  problem: string;
}

/** A command line, and what for. */
export interface Command {
  title: string;
  command: string;
}

/** What was done to an image, by whomever. */
export interface ImageChange {
  id: number;
  rev: number;
  state: ImageState | "problem";
  /** Of the operation; `OUTSIDE` for files that another program wrote. Null where only `state` is new. */
  kind: string | null;
  who: string | null;
  dirty: Box | null;
  can_undo: boolean;
  can_redo: boolean;
}

export const OUTSIDE = "changed outside";

export interface Events {
  image: ImageChange;
  proposal: { id: number; rev: number; seconds: number; from: Source };
  classes: { version: number };
  /** The folder has other images than it had. */
  images: { total: number; added: number; removed: number };
  queue: Record<string, never>;
  training: Training;
  models: Record<string, never>;
  answers: Answers;
  regions: { id: number };
  judge: { model: number; against: number | null; share: number; problem: string | null };
  /** What is said of a subject, until it is "gone". */
  note: { level: Note["level"] | "gone"; text: string; subject: string };
}
