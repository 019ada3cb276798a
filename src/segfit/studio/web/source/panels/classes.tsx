/** The classes: which one is drawn, which are seen, and what they are called. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ClassDraft, ClassEntry } from "../api/types";
import { changeClasses, classes, frozen, KEYS, project } from "../state/app";
import { activeClass, chooseClass, hidden, patterns, toggleHidden } from "../state/tools";
import { Icon } from "./icons";
import { IconButton, Menu, shorten } from "./parts";
import { Swatch } from "./swatch";

/** Okabe and Ito's colors, which people tell apart however they see colors. */
export const COLORS: { name: string; hex: string }[] = [
  { name: "orange", hex: "#e69f00" },
  { name: "sky blue", hex: "#56b4e9" },
  { name: "green", hex: "#009e73" },
  { name: "yellow", hex: "#f0e442" },
  { name: "blue", hex: "#0072b2" },
  { name: "vermilion", hex: "#d55e00" },
  { name: "pink", hex: "#cc79a7" },
  { name: "gray", hex: "#8c8c8c" },
];

const replaceClass = (index: number, change: Partial<ClassDraft>): Promise<boolean> =>
  changeClasses((now) =>
    now.map((entry) => (entry.index === index ? { ...entry, ...change } : entry)),
  );

async function addClass(name: string): Promise<void> {
  const used = classes.value.map((entry) => entry.color.toLowerCase());
  const color = COLORS.find(({ hex }) => !used.includes(hex))?.hex ?? "#8c8c8c";
  const key = KEYS.find((each) => !classes.value.some((entry) => entry.key === each)) ?? "";
  const fresh = { index: null, name, color, key, has_objects: false };
  if (await changeClasses((now) => [...now, fresh])) {
    const made = classes.value.find((entry) => entry.name === name);
    if (made !== undefined) chooseClass(made.index);
  }
}

async function removeClass(entry: ClassEntry): Promise<void> {
  const drawn = entry.pixels > 0;
  const warning = `“${entry.name}” has labels (${shorten(entry.pixels)} px). Remove the class and its labels?`;
  if (drawn && !confirm(warning)) return;
  await changeClasses((now) => now.filter(({ index }) => index !== entry.index), drawn);
}

function ColorChoice({ color, choose }: { color: string; choose: (hex: string) => void }) {
  const buttons = useRef<HTMLFieldSetElement>(null);
  useLayoutEffect(() => {
    for (const button of buttons.current?.querySelectorAll("button") ?? [])
      button.style.setProperty("--color", button.dataset.color ?? "");
  }, []);
  return (
    <fieldset class="colors" ref={buttons}>
      <legend>Color</legend>
      {COLORS.map(({ name, hex }) => (
        <button
          key={hex}
          type="button"
          class="color"
          data-color={hex}
          aria-label={name}
          title={name}
          aria-pressed={color.toLowerCase() === hex}
          onClick={() => choose(hex)}
        />
      ))}
      <input
        type="color"
        aria-label="another color"
        title="another color"
        value={color}
        onChange={(event) => choose(event.currentTarget.value)}
      />
    </fieldset>
  );
}

/** What was just chosen is shown at once: an answer to an earlier change must not take it back. */
function ClassForm({ entry, close }: { entry: ClassEntry; close: () => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Partial<ClassDraft>>({});
  const { name, color, key, has_objects } = { ...entry, ...chosen };
  const choose = async (change: Partial<ClassDraft>) => {
    const all = { ...chosen, ...change };
    setChosen(all);
    await replaceClass(entry.index, change);
    setChosen((latest) => (latest === all ? {} : latest));
  };
  const rename = () => {
    const trimmed = typed?.trim() ?? "";
    setTyped(null);
    if (trimmed !== "" && trimmed !== name) void choose({ name: trimmed });
  };
  const takenBy = (each: string) =>
    classes.value.find((other) => other.key === each && other.index !== entry.index)?.name;
  return (
    <form
      class="class-form"
      onSubmit={(event) => {
        event.preventDefault();
        rename();
        close();
      }}
    >
      <label>
        Name
        <input
          value={typed ?? name}
          maxLength={80}
          data-testid={`class-${entry.index}-name`}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onBlur={rename}
        />
      </label>
      <ColorChoice color={color} choose={(hex) => void choose({ color: hex })} />
      <label>
        Key
        <select
          value={key}
          data-testid={`class-${entry.index}-key`}
          onChange={(event) => void choose({ key: event.currentTarget.value })}
        >
          {key === "" && <option value="">none is free</option>}
          {KEYS.map((each) => (
            <option key={each} value={each} disabled={takenBy(each) !== undefined}>
              {each}
              {takenBy(each) === undefined ? "" : ` (${takenBy(each)})`}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={has_objects}
          data-testid={`class-${entry.index}-objects`}
          onChange={(event) => void choose({ has_objects: event.currentTarget.checked })}
        />
        Tell its objects apart
      </label>
      <footer>
        <button
          type="button"
          class="button danger"
          data-testid={`class-${entry.index}-remove`}
          disabled={classes.value.length <= 2}
          onClick={() => void removeClass(entry)}
        >
          Remove
        </button>
        <button type="submit" class="button accent">
          Done
        </button>
      </footer>
    </form>
  );
}

/** A double click on a class is a click on its three dots. */
function openEditor(choice: HTMLElement): void {
  choice.parentElement?.querySelector<HTMLButtonElement>(".menu > button")?.click();
}

function ClassRow({ entry, place }: { entry: ClassEntry; place: number }) {
  const active = activeClass.value?.index === entry.index;
  const seen = !hidden.value.has(entry.index);
  const count = entry.has_objects
    ? `${entry.objects.toLocaleString("en")} ${entry.objects === 1 ? "object" : "objects"}`
    : entry.pixels === 0
      ? ""
      : shorten(entry.pixels);
  return (
    <li class={active ? "class-row active" : "class-row"} data-testid={`class-${entry.index}`}>
      <button
        type="button"
        class="class-choice"
        aria-pressed={active}
        data-testid={`class-${entry.index}-choose`}
        title={`Draw ${entry.name}${entry.key === "" ? "" : ` (${entry.key})`}; ${entry.pixels.toLocaleString("en")} px have it so far`}
        onClick={() => chooseClass(entry.index)}
        onDblClick={(event) => openEditor(event.currentTarget)}
      >
        <Swatch index={entry.index} color={entry.color} faded={!seen} />
        <span class="class-name">{entry.name}</span>
        {count !== "" && <span class="class-count">{count}</span>}
        {entry.key !== "" && <kbd>{entry.key}</kbd>}
      </button>
      <IconButton
        icon={seen ? "eye" : "eyeOff"}
        label={seen ? `Hide ${entry.name}` : `Show ${entry.name}`}
        testid={`class-${entry.index}-eye`}
        pressed={!seen}
        onClick={() => toggleHidden(entry.index)}
      />
      <Menu
        label={`Edit ${entry.name}`}
        testid={`class-${entry.index}-edit`}
        button={<Icon name="more" />}
        disabled={frozen.value}
      >
        {(close) => <ClassForm key={place} entry={entry} close={close} />}
      </Menu>
    </li>
  );
}

export function ClassPanel() {
  const [adding, setAdding] = useState(false);
  const all = classes.value;
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("name")).trim();
    setAdding(false);
    if (name !== "") void addClass(name);
  };
  return (
    <section class="panel-part" aria-labelledby="classes-title">
      <header>
        <h2 id="classes-title">Classes</h2>
        <label class="check small" title="Tell classes apart by patterns, not by colors alone">
          <input
            type="checkbox"
            data-testid="patterns"
            checked={patterns.value}
            onChange={(event) => {
              patterns.value = event.currentTarget.checked;
            }}
          />
          Patterns
        </label>
      </header>
      {project.value !== null && all.length < 2 && (
        <p class="hint">
          Name two things at least that you want to tell apart, such as “background” and “cell”.
        </p>
      )}
      <ul class="class-list" data-testid="class-list">
        {all.map((entry, place) => (
          <ClassRow key={entry.index} entry={entry} place={place} />
        ))}
      </ul>
      {adding ? (
        <form class="class-add" onSubmit={add}>
          <input
            name="name"
            aria-label="Name of the new class"
            placeholder="Name"
            maxLength={80}
            ref={(input) => input?.focus()}
            data-testid="class-add-name"
            onKeyDown={(event) => event.key === "Escape" && setAdding(false)}
          />
          <button type="submit" class="button accent" data-testid="class-add-save">
            Add
          </button>
        </form>
      ) : (
        <button
          type="button"
          class="quiet"
          data-testid="class-add"
          disabled={frozen.value}
          onClick={() => setAdding(true)}
        >
          <Icon name="plus" /> Add a class
        </button>
      )}
    </section>
  );
}
