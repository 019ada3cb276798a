/** The page's icons: lines on a 20×20 grid, drawn in the color of the text. */

import type { ToolName } from "../state/tools";

const PATHS = {
  undo: "M4 8h8a4.5 4.5 0 0 1 0 9H8M4 8l3.5-3.5M4 8l3.5 3.5",
  redo: "M16 8H8a4.5 4.5 0 0 0 0 9h4M16 8l-3.5-3.5M16 8l-3.5 3.5",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  light:
    "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  fit: "M3 7V4h4M13 4h4v3M17 13v3h-4M7 16H3v-3",
  eye: "M2 10s3-5.5 8-5.5 8 5.5 8 5.5-3 5.5-8 5.5S2 10 2 10zM10 12.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8z",
  eyeOff:
    "M3 3l14 14M8 5a8.6 8.6 0 0 1 2-.5c5 0 8 5.5 8 5.5a14 14 0 0 1-2.6 3.2M5 6.6A14 14 0 0 0 2 10s3 5.5 8 5.5a8 8 0 0 0 3-.6",
  check: "M4 10.5l4 4 8-9",
  chevron: "M6 8l4 4 4-4",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  close: "M5 5l10 10M15 5L5 15",
  target: "M10 2.5v3M10 14.5v3M2.5 10h3M14.5 10h3M10 14a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
  download: "M10 3v9M6 8.5l4 4 4-4M4 16.5h12",
  play: "M6.5 4.5l9 5.5-9 5.5z",
  pause: "M7 4.5v11M13 4.5v11",
  stop: "M5.5 5.5h9v9h-9z",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  panels: "M3 4h14v12H3zM7 4v12M13 4v12",
  keyboard: "M2.5 6h15v9h-15zM5.5 9h.01M8.5 9h.01M11.5 9h.01M14.5 9h.01M6.5 12h7",
  brush:
    "M16.5 3.5L9 11M9 11c-2-.6-3.7.8-4 2.5-.2 1.3-.8 2-2 2.5 2.5 1.3 6.5.5 7.2-2 .3-1.2-.2-2.4-1.2-3z",
  eraser:
    "M8 16l-4-4a1.4 1.4 0 0 1 0-2l6-6a1.4 1.4 0 0 1 2 0l4 4a1.4 1.4 0 0 1 0 2l-6 6zM7 7l6 6M8 16h9",
  region: "M4 8c1-4 6-5.5 9-4s4 5 2.5 8-5 5-8 4S3 11.5 4 8zM9.5 9.5L13 17l1-3 3-1z",
  rectangle: "M3.5 5.5h13v9h-13zM7.5 10a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0z",
  outline: "M5 15L3.5 7l7-3.5 6 5-3 7.5zM5 15h.01M3.5 7h.01M10.5 3.5h.01M16.5 8.5h.01M13.5 16h.01",
  fill: "M9 3l7 7-5.5 5.5a1.5 1.5 0 0 1-2 0L4 11a1.5 1.5 0 0 1 0-2l5-5M4 10h12M17 13.5c.8 1.2 1.2 1.9 1.2 2.5a1.2 1.2 0 0 1-2.4 0c0-.6.4-1.3 1.2-2.5z",
  hole: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  split: "M8 4a6 6 0 0 0 0 12zM12 4a6 6 0 0 1 0 12zM10 2v16",
  merge: "M7.5 14.5a4.5 4.5 0 1 1 2.5-8 4.5 4.5 0 1 1 0 7 4.5 4.5 0 0 1-2.5 1zM7 10h6",
  delete: "M4 6h12M8 6V4h4v2M5.5 6l.8 10h7.4l.8-10M8.5 9v4.5M11.5 9v4.5",
  change: "M4 7.5h10M11 4.5l3 3-3 3M16 12.5H6M9 9.5l-3 3 3 3",
  smooth: "M2.5 12l2-3 2 3 2-4 1.5 2c1.5 2 3 2 4.5 0s2-2 3-1",
  "accept-rectangle": "M3.5 4.5h13v11h-13zM7 10l2.2 2.2L13.5 8",
} as const satisfies Record<ToolName | string, string>;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
