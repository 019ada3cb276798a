/** A class's color with its pattern: what its labels look like. */

import { useLayoutEffect, useRef } from "preact/hooks";

/** The patterns of the label tiles, in small; a class has that of its index modulo 8. */
const PATTERNS = [
  "M-2 8L8-2M3 18L18 3M-2 18L18-2",
  "M4 4h.01M12 4h.01M4 12h.01M12 12h.01",
  "M-2 8L8 18M8-2L18 8M-2-2L18 18",
  "M0 4h16M0 8h16M0 12h16",
  "M4 0v16M8 0v16M12 0v16",
  "M0 5h16M0 11h16M5 0v16M11 0v16",
  "M0 4h8M8 12h8M4 0v8M12 8v8",
  "M0 0l16 16M16 0L0 16",
];

export function Swatch({
  index,
  color,
  faded = false,
}: {
  index: number;
  color: string;
  faded?: boolean;
}) {
  const element = useRef<SVGSVGElement>(null);
  useLayoutEffect(() => element.current?.style.setProperty("--color", color), [color]);
  return (
    <svg
      ref={element}
      class={faded ? "swatch faded" : "swatch"}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      <rect width="16" height="16" />
      <path d={PATTERNS[index % PATTERNS.length]} class={index % 8 === 1 ? "dots" : ""} />
    </svg>
  );
}
