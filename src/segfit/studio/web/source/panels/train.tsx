/** Train: one button with a ring of progress and a small curve; a click shows more. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Training } from "../api/types";
import { frozen } from "../state/app";
import { busy, minutes, models, steer, train, training } from "../state/training";
import { Curve, Spark } from "./curve";
import { Icon } from "./icons";
import { Menu, percent, sayTime } from "./parts";

const MINUTES = [0, 1, 3, 10, 30];

function Ring({ share }: { share: number }) {
  const circle = useRef<SVGCircleElement>(null);
  useLayoutEffect(() => {
    circle.current?.setAttribute("stroke-dasharray", `${Math.max(0, Math.min(1, share))} 1`);
  }, [share]);
  return (
    <svg class="ring" viewBox="0 0 20 20" aria-hidden="true">
      <circle class="track" cx="10" cy="10" r="7.5" />
      <circle ref={circle} class="share" cx="10" cy="10" r="7.5" pathLength="1" />
    </svg>
  );
}

function sayState(now: Training): string {
  switch (now.state) {
    case "preparing":
      return "Getting ready";
    case "running":
      if (now.seconds_left === null) return percent(now.share);
      return now.seconds_left < 1 ? "Finishing" : `${sayTime(now.seconds_left)} left`;
    case "paused":
      return "Paused";
    case "stopping":
      return "Stopping";
    default:
      return "Train";
  }
}

function Start({ close }: { close: () => void }) {
  const now = training.value;
  return (
    <>
      {now?.state === "failed" && (
        <p class="problem" role="alert">
          The last training ended early: {now.message ?? "the reason is not known"}. Labels and
          models are as they were.
        </p>
      )}
      {now?.state === "failed" && now.can_continue && (
        <button
          type="button"
          class="button wide"
          data-testid="train-continue"
          onClick={() => void steer("continue")}
        >
          <Icon name="play" /> Go on from where it ended
        </button>
      )}
      {now?.state === "finished" && (
        <>
          {now.message !== null && <p class="hint">{now.message}</p>}
          <Curve training={now} />
        </>
      )}
      <p class="hint">
        Learns from all labels of all images, in the background; you can go on drawing.
        {models.value.length > 0 && " It goes on from the last model."}
      </p>
      <fieldset class="minutes">
        <legend>Minutes</legend>
        {MINUTES.map((choice) => (
          <label key={choice}>
            <input
              type="radio"
              name="minutes"
              data-testid={`train-minutes-${choice || "auto"}`}
              checked={minutes.value === choice}
              onChange={() => {
                minutes.value = choice;
              }}
            />
            <span>{choice || "auto"}</span>
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        class="button accent wide"
        data-testid="train-start"
        disabled={frozen.value}
        onClick={() => {
          void train();
          close();
        }}
      >
        <Icon name="play" /> {minutes.value === 0 ? "Train" : `Train for ${minutes.value} min`}
      </button>
    </>
  );
}

function Running({ now }: { now: Training }) {
  const latest = now.rounds.at(-1)?.mean_iou ?? null;
  return (
    <>
      <p class="train-figures" aria-live="polite">
        <b>{sayState(now)}</b>
        <span class="hint">
          {now.step !== null && now.steps !== null && `step ${now.step} of ${now.steps}`}
          {latest !== null && ` · mean IoU ${latest.toFixed(3)}`}
        </span>
      </p>
      {now.message !== null && <p class="hint">{now.message}</p>}
      <Curve training={now} />
      <footer class="train-buttons">
        {now.state === "paused" ? (
          <button
            type="button"
            class="button"
            data-testid="train-continue"
            onClick={() => void steer("continue")}
          >
            <Icon name="play" /> Continue
          </button>
        ) : (
          <button
            type="button"
            class="button"
            data-testid="train-pause"
            disabled={now.state !== "running" || !now.can_pause}
            onClick={() => void steer("pause")}
          >
            <Icon name="pause" /> Pause
          </button>
        )}
        <button
          type="button"
          class="button"
          data-testid="train-stop"
          disabled={now.state === "stopping"}
          onClick={() => void steer("stop")}
        >
          <Icon name="stop" /> Stop and keep
        </button>
      </footer>
    </>
  );
}

export function TrainButton() {
  const now = training.value;
  const running = busy.value && now !== null;
  return (
    <Menu
      label={running ? `Training: ${sayState(now)}` : "Train"}
      testid="train"
      class={running ? "train-button running" : "train-button"}
      button={
        <>
          <Ring share={running ? now.share : 0} />
          <span data-testid="train-state" data-state={now?.state ?? "idle"}>
            {now === null ? "Train" : sayState(now)}
          </span>
          {running && <Spark training={now} />}
        </>
      }
    >
      {(close) => (
        <div class="train">{running ? <Running now={now} /> : <Start close={close} />}</div>
      )}
    </Menu>
  );
}
