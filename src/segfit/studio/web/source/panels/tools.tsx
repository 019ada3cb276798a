/** The tools, and the settings of the one in hand. */

import { frozen } from "../state/app";
import { current } from "../state/current";
import { submit } from "../state/outbox";
import {
  changeRadius,
  changeScale,
  EDITING,
  radius,
  shownScale,
  snapping,
  TOOL_TEXTS,
  type ToolName,
  tool,
} from "../state/tools";
import { Icon } from "./icons";
import { IconButton } from "./parts";

const DRAWING: ToolName[] = ["brush", "eraser", "region", "rectangle", "outline", "fill"];

function ToolButton({ name }: { name: ToolName }) {
  const { title, key } = TOOL_TEXTS[name];
  return (
    <button
      type="button"
      class="tool"
      data-testid={`tool-${name}`}
      aria-pressed={tool.value === name}
      aria-keyshortcuts={key}
      title={`${title} (${key.toUpperCase()}): ${TOOL_TEXTS[name].hint}`}
      disabled={frozen.value}
      onClick={() => {
        tool.value = name;
      }}
    >
      <Icon name={name} />
      <span>{title}</span>
      <kbd>{key.toUpperCase()}</kbd>
    </button>
  );
}

function Settings() {
  switch (tool.value) {
    case "brush":
    case "eraser":
      return (
        <label class="slider" title="Size of the brush ([ and ])">
          <span>Size</span>
          <input
            type="range"
            min={0}
            max={100}
            step={1}
            data-testid="brush-size"
            aria-valuetext={`${Math.round(2 * radius.value)} px across`}
            value={(100 * Math.log(2 * radius.value)) / Math.log(400)}
            onInput={(event) => {
              changeRadius(400 ** (event.currentTarget.valueAsNumber / 100) / 2 / radius.value);
            }}
          />
          <output>{Math.round(2 * radius.value)} px</output>
        </label>
      );
    case "region":
      return (
        <div class="slider">
          <span>Scale</span>
          <IconButton
            icon="minus"
            label="Smaller regions"
            testid="scale-down"
            keys="["
            onClick={() => changeScale(-1)}
          />
          <output data-testid="scale">
            {shownScale.value.scales === 0
              ? "looking …"
              : `${shownScale.value.scale + 1} of ${shownScale.value.scales}`}
          </output>
          <IconButton
            icon="plus"
            label="Larger regions"
            testid="scale-up"
            keys="]"
            onClick={() => changeScale(1)}
          />
        </div>
      );
    case "outline":
      return (
        <label class="check">
          <input
            type="checkbox"
            data-testid="snap"
            checked={snapping.value}
            onChange={(event) => {
              snapping.value = event.currentTarget.checked;
            }}
          />
          Snap to the image's edges
        </label>
      );
    default:
      return null;
  }
}

export const ToolPanel = () => (
  <>
    <section class="panel-part" aria-labelledby="tools-title">
      <header>
        <h2 id="tools-title">Draw</h2>
      </header>
      <div class="tools">
        {DRAWING.map((name) => (
          <ToolButton key={name} name={name} />
        ))}
      </div>
    </section>
    <section class="panel-part tool-settings" aria-label="Settings of the tool">
      <p class="hint" data-testid="tool-hint">
        {TOOL_TEXTS[tool.value].hint}
      </p>
      <Settings />
    </section>
    <section class="panel-part" aria-labelledby="edit-title">
      <header>
        <h2 id="edit-title">Edit objects</h2>
        <button
          type="button"
          class="quiet small"
          data-testid="clear"
          title="Take all labels of this image away; undo brings them back"
          disabled={frozen.value || current.value === null}
          onClick={() => submit({ kind: "clear" })}
        >
          Clear image
        </button>
      </header>
      <div class="tools">
        {EDITING.map((name) => (
          <ToolButton key={name} name={name} />
        ))}
      </div>
    </section>
  </>
);
