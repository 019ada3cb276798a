/** All keys, in one dialog. */

import { dialog, type Theme, theme } from "../state/app";
import { TOOL_TEXTS, TOOLS } from "../state/tools";
import { Modal } from "./parts";

const GROUPS: { title: string; keys: [string, string][] }[] = [
  {
    title: "Classes and tools",
    keys: [
      ["1 … 0", "Draw the class of this key"],
      ...TOOLS.filter((name) => TOOL_TEXTS[name].key !== "").map((name): [string, string] => [
        TOOL_TEXTS[name].key.toUpperCase(),
        TOOL_TEXTS[name].title,
      ]),
      ["Alt click", "Take the class of what is there"],
      ["[  ]", "Smaller, larger: brush or region"],
      ["Enter", "Close an outline"],
      ["Backspace", "Take its last corner back"],
      ["Esc", "Drop what is half drawn"],
    ],
  },
  {
    title: "Work",
    keys: [
      ["Ctrl Z", "Undo"],
      ["Ctrl Shift Z", "Redo"],
      ["A", "Accept the proposal (Region tool: this region)"],
      ["D", "Image done, or not"],
      ["N", "Next least sure place"],
      ["Page ↓  ↑", "Next, previous image"],
      [",  .", "The same"],
    ],
  },
  {
    title: "Look",
    keys: [
      ["P", "Proposal on or off"],
      ["Q", "Labels on or off"],
      ["+  −", "Zoom"],
      ["Z", "Whole image"],
      ["Shift Z", "Image pixels on screen pixels"],
      ["Wheel", "Zoom (Region tool: scale; with Ctrl: zoom)"],
      ["Space + drag", "Move the image; so do the other mouse buttons"],
      ["\\", "Only the image"],
    ],
  },
  {
    title: "Without a mouse",
    keys: [
      ["Arrows", "Move a cursor over the image"],
      ["Shift, Alt + arrows", "Far, by single pixels"],
      ["Space", "Press; press again to let go"],
      ["Tab", "From panel to panel"],
      ["?", "This list"],
    ],
  },
];

const THEMES: { value: Theme; text: string }[] = [
  { value: "auto", text: "as the system" },
  { value: "light", text: "light" },
  { value: "dark", text: "dark" },
];

export function Help() {
  if (dialog.value !== "help") return null;
  const close = () => {
    dialog.value = null;
  };
  return (
    <Modal title="All keys" testid="help-dialog" onClose={close}>
      <div class="help">
        {GROUPS.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, text]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{text}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <fieldset class="choices row">
          <legend>Appearance</legend>
          {THEMES.map(({ value, text }) => (
            <label key={value} class="check">
              <input
                type="radio"
                name="theme"
                checked={theme.value === value}
                data-testid={`theme-${value}`}
                onChange={() => {
                  theme.value = value;
                }}
              />
              {text}
            </label>
          ))}
        </fieldset>
      </div>
    </Modal>
  );
}
