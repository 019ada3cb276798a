/** The stage in the page, and what lies over it: first words, the question of the name, failures. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Input } from "../stage/input";
import { Stage } from "../stage/stage";
import { classes, frozen, project } from "../state/app";
import { current, openFailed, proposed, step, untouched, wantedId } from "../state/current";
import { total } from "../state/images";
import { unsent, waiting } from "../state/outbox";
import { TOOL_TEXTS, tool } from "../state/tools";

export const stage = signal<Stage | null>(null);

function Welcome() {
  if (!untouched.value || waiting.value.length > 0 || project.value?.read_only) return null;
  return (
    <aside class="welcome" data-testid="welcome">
      <p>Draw a stroke over each thing that you want to tell apart, like this one.</p>
      <p>The rest of the image is then proposed at once, and every further stroke improves it.</p>
      <p>Accept what is right, draw over what is wrong.</p>
    </aside>
  );
}

/** What a second stroke has to be of, for there to be a proposal. */
function NextStroke() {
  const drawn = classes.value.filter(({ pixels }) => pixels > 0);
  const next = classes.value.find(({ pixels }) => pixels === 0);
  const done = drawn[0];
  if (drawn.length !== 1 || done === undefined || next === undefined) return null;
  if (proposed.value || frozen.value || current.value === null) return null;
  return (
    <aside class="welcome" data-testid="next-stroke">
      <p>
        Now a stroke of another class, such as “{next.name}”
        {next.key !== "" && (
          <>
            {" "}
            (key <kbd>{next.key}</kbd>)
          </>
        )}
        . Then the rest is proposed.
      </p>
    </aside>
  );
}

function Empty() {
  if (total.value === 0) {
    return (
      <div class="empty" data-testid="empty-folder">
        <h2>No images here yet</h2>
        <p>
          Put images (JPEG, PNG, TIFF, WebP …) into <code>{project.value?.folder}</code>. They
          appear here.
        </p>
      </div>
    );
  }
  if (openFailed.value !== null) {
    return (
      <div class="empty" role="alert" data-testid="open-failed">
        <h2>This image cannot be shown</h2>
        <p>{openFailed.value}</p>
        <button type="button" class="button" onClick={() => void step(1)}>
          Go to the next one
        </button>
      </div>
    );
  }
  return null;
}

export function StageView() {
  const room = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = room.current;
    if (element === null) return;
    const [picture, labels, ink, hud] = element.querySelectorAll("canvas");
    if (!picture || !labels || !ink || !hud) return;
    const made = new Stage({ picture, labels, ink, hud });
    const input = new Input(element, made);
    stage.value = made;
    return () => {
      input.close();
      made.close();
      stage.value = null;
    };
  }, []);
  const image = current.value;
  const name = image?.name ?? "no image";
  return (
    <div class="stage-room">
      <div
        ref={room}
        class={`stage tool-${frozen.value ? "none" : tool.value}`}
        role="application"
        aria-label={`Image ${name}. ${TOOL_TEXTS[tool.value].title}: ${TOOL_TEXTS[tool.value].hint}`}
        aria-describedby="stage-keys"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is operated by its keys
        tabIndex={0}
        data-testid="stage"
        data-image={image?.id}
        data-rev={image?.rev}
        data-unsent={unsent.value}
        data-opening={wantedId.value !== image?.id}
      >
        <canvas class="picture" />
        <canvas class="labels" />
        <canvas class="ink" />
        <canvas class="hud" />
      </div>
      <p id="stage-keys" class="unseen">
        Arrow keys move a cursor over the image, space presses and lets go. Question mark shows all
        keys.
      </p>
      <Welcome />
      <NextStroke />
      <Empty />
    </div>
  );
}
