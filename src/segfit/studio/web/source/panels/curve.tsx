/** A small curve: how a training's loss falls, and the mean IoU of its rounds. */

import type { Training } from "../api/types";

const WIDTH = 280;
const HEIGHT = 110;
const ROOM = { left: 34, right: 34, top: 8, bottom: 20 };

type Dot = { step: number; value: number };

function toPath(dots: Dot[], x: (step: number) => number, y: (value: number) => number): string {
  return dots
    .map(
      ({ step, value }, i) => `${i === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join("");
}

/** At most `most` of the dots, evenly, the last one among them. */
function thin(dots: Dot[], most: number): Dot[] {
  const every = Math.ceil(dots.length / most);
  return dots.filter((_, i) => (dots.length - 1 - i) % Math.max(1, every) === 0);
}

const lossDots = (training: Training): Dot[] =>
  training.curve.map(({ step, loss }) => ({ step, value: loss }));

/** The loss alone, a few px high, for the button. */
export function Spark({ training }: { training: Training }) {
  const dots = thin(lossDots(training), 40);
  if (dots.length < 2) return null;
  const values = dots.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const first = dots[0]?.step ?? 0;
  const span = Math.max(1, (dots.at(-1)?.step ?? 1) - first);
  const path = toPath(
    dots,
    (step) => 1 + (42 * (step - first)) / span,
    (value) => 15 - (14 * (value - low)) / Math.max(1e-9, high - low),
  );
  return (
    <svg class="spark" viewBox="0 0 44 16" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

/** Loss (line, left axis) and mean IoU (points and line, right axis, 0 to 1) over the steps. */
export function Curve({ training }: { training: Training }) {
  const loss = thin(lossDots(training), 200);
  const iou: Dot[] = training.rounds.flatMap(({ step, mean_iou }) =>
    mean_iou === null ? [] : [{ step, value: mean_iou }],
  );
  if (loss.length < 2 && iou.length === 0)
    return <p class="hint">The curve begins after the first steps.</p>;
  const last = Math.max(1, ...loss.map(({ step }) => step), ...iou.map(({ step }) => step));
  const top = Math.max(1e-9, ...loss.map(({ value }) => value));
  const x = (step: number) => ROOM.left + ((WIDTH - ROOM.left - ROOM.right) * step) / last;
  const y = (share: number) => HEIGHT - ROOM.bottom - (HEIGHT - ROOM.top - ROOM.bottom) * share;
  const latest = iou.at(-1);
  const said = `Loss ${loss.at(-1)?.value.toFixed(2) ?? "not known"} at step ${last}${latest === undefined ? "" : `, mean IoU ${latest.value.toFixed(3)}`}`;
  return (
    <svg class="curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said}>
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <path class="grid" d={`M${ROOM.left} ${y(share)}H${WIDTH - ROOM.right}`} />
          {loss.length > 1 && (
            <text x={ROOM.left - 5} y={y(share) + 3.5} class="end">
              {(top * share).toPrecision(2)}
            </text>
          )}
          {iou.length > 0 && (
            <text x={WIDTH - ROOM.right + 5} y={y(share) + 3.5}>
              {share}
            </text>
          )}
        </g>
      ))}
      <path class="loss" d={toPath(loss, x, (value) => y(value / top))} />
      <path class="iou" d={toPath(iou, x, y)} />
      {iou.map(({ step, value }) => (
        <circle key={step} class="iou-dot" cx={x(step)} cy={y(value)} r="3" />
      ))}
      <text x={ROOM.left} y={HEIGHT - 5}>
        loss
      </text>
      <text x={WIDTH / 2} y={HEIGHT - 5} class="middle">
        step {last}
      </text>
      <text x={WIDTH - ROOM.right} y={HEIGHT - 5} class="end iou-text">
        mean IoU
      </text>
    </svg>
  );
}
