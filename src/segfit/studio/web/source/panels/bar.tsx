/** The slim bar above: what was done, how it is looked at, what is accepted, and the ways elsewhere. */

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { saveSource } from "../api/client";
import type { AcceptWhat } from "../api/types";
import { zoom } from "../stage/stage";
import { dialog, frozen, loadProject, type Page, page, project, tellError } from "../state/app";
import { current, proposed, wantedId } from "../state/current";
import { placeOf, total } from "../state/images";
import { submit, waiting } from "../state/outbox";
import {
  activeClass,
  brightness,
  contrast,
  panelsShown,
  proposalOpacity,
  proposalShown,
  sureness,
  surerThan,
  tool,
} from "../state/tools";
import { models } from "../state/training";
import { Icon } from "./icons";
import { IconButton, Menu, percent } from "./parts";
import { stage } from "./stage_view";
import { TrainButton } from "./train";

export const canUndo = () => (current.value?.can_undo ?? false) || waiting.value.length > 0;

function History() {
  return (
    <fieldset class="group" aria-label="History">
      <IconButton
        icon="undo"
        label="Undo"
        testid="undo"
        keys="Ctrl+Z"
        disabled={!canUndo() || frozen.value}
        onClick={() => submit({ kind: "undo" })}
      />
      <IconButton
        icon="redo"
        label="Redo"
        testid="redo"
        keys="Ctrl+Shift+Z"
        disabled={!current.value?.can_redo || frozen.value}
        onClick={() => submit({ kind: "redo" })}
      />
    </fieldset>
  );
}

function Zoom() {
  const none = current.value === null;
  return (
    <fieldset class="group" aria-label="Zoom">
      <IconButton
        icon="minus"
        label="Zoom out"
        testid="zoom-out"
        keys="-"
        disabled={none}
        onClick={() => stage.value?.zoomBy(1 / 1.4)}
      />
      <button
        type="button"
        class="text-button zoom"
        data-testid="zoom"
        title="One image pixel on one of the screen (Shift+Z)"
        disabled={none}
        onClick={() => stage.value?.actualSize()}
      >
        {percent(zoom.value * devicePixelRatio)}
      </button>
      <IconButton
        icon="plus"
        label="Zoom in"
        testid="zoom-in"
        keys="+"
        disabled={none}
        onClick={() => stage.value?.zoomBy(1.4)}
      />
      <IconButton
        icon="fit"
        label="Whole image"
        testid="zoom-fit"
        keys="Z"
        disabled={none}
        onClick={() => stage.value?.fit()}
      />
    </fieldset>
  );
}

/** Brightness and contrast of what is shown; dark micrographs need them. */
function Light() {
  const plain = brightness.value === 1 && contrast.value === 1;
  return (
    <Menu
      label="Brightness and contrast"
      testid="light"
      class={plain ? "icon-button" : "icon-button on"}
      disabled={current.value === null}
      button={<Icon name="light" />}
    >
      {() => (
        <div class="light">
          <Factor title="Brightness" testid="brightness" most={8} value={brightness} />
          <Factor title="Contrast" testid="contrast" most={4} value={contrast} />
          <p class="hint">Only how it is shown: the image stays as it is.</p>
          <button
            type="button"
            class="button"
            data-testid="light-reset"
            disabled={plain}
            onClick={() => {
              brightness.value = 1;
              contrast.value = 1;
            }}
          >
            As it is
          </button>
        </div>
      )}
    </Menu>
  );
}

interface FactorProps {
  title: string;
  testid: string;
  most: number;
  value: Signal<number>;
}

/** A slider of a factor, from 1/`most` to `most`, 1 in its middle. */
const Factor = ({ title, testid, most, value }: FactorProps) => (
  <label class="slider">
    <span>{title}</span>
    <input
      type="range"
      min={-1}
      max={1}
      step={0.05}
      data-testid={testid}
      aria-valuetext={value.value.toFixed(2)}
      value={Math.log(value.value) / Math.log(most)}
      onInput={(event) => {
        value.value = most ** event.currentTarget.valueAsNumber;
      }}
    />
  </label>
);

/** Whose proposals are shown; asked for once there is a model. */
function Source() {
  const now = project.value;
  if (models.value.length === 0 || now === null) return null;
  const choose = async (value: string) => {
    try {
      if (value === "strokes") await saveSource("strokes", null);
      else await saveSource("model", Number(value));
      await loadProject();
    } catch (error) {
      tellError(error, "Proposals are as they were");
    }
  };
  return (
    <select
      class="source"
      aria-label="Who proposes"
      title="Who proposes: what was learned from strokes just now, or a trained model"
      data-testid="proposal-source"
      disabled={frozen.value}
      value={now.source === "model" ? String(now.model?.id ?? "") : "strokes"}
      onChange={(event) => void choose(event.currentTarget.value)}
    >
      <option value="strokes">strokes</option>
      {models.value.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Proposal() {
  return (
    <fieldset class="group proposal" aria-label="Proposal">
      <label class="switch" title="Show what is proposed (P)">
        <input
          type="checkbox"
          data-testid="proposal-shown"
          checked={proposalShown.value}
          onChange={(event) => {
            proposalShown.value = event.currentTarget.checked;
          }}
        />
        <span>Proposal</span>
      </label>
      <input
        type="range"
        class="opacity"
        min={0.05}
        max={1}
        step={0.05}
        aria-label="How strongly the proposal is shown"
        title="How strongly the proposal is shown"
        data-testid="proposal-opacity"
        disabled={!proposalShown.value}
        value={proposalOpacity.value}
        onInput={(event) => {
          proposalOpacity.value = event.currentTarget.valueAsNumber;
        }}
      />
      <Source />
    </fieldset>
  );
}

interface AcceptItemProps {
  testid: string;
  close: () => void;
  onClick: () => void;
  children: ComponentChildren;
}

/** A line of the menu Accept, which closes it. */
const AcceptItem = ({ testid, close, onClick, children }: AcceptItemProps) => (
  <button
    type="button"
    class="item"
    data-testid={`accept-${testid}`}
    onClick={() => {
      onClick();
      close();
    }}
  >
    {children}
  </button>
);

const accept = (what: { what: AcceptWhat; class?: number; confidence?: number }) =>
  submit({ kind: "accept", ...what });

function Accept() {
  const chosen = activeClass.value;
  const none = !proposed.value;
  return (
    <Menu
      label="Accept what is proposed"
      testid="accept"
      class="text-button"
      disabled={none || frozen.value}
      button={
        <>
          Accept <Icon name="chevron" />
        </>
      }
      onToggle={(open) => {
        if (!open) surerThan.value = null;
      }}
    >
      {(close) => (
        <div class="accept">
          <p class="hint">What is proposed becomes labels. What you drew stays as it is.</p>
          <AcceptItem testid="all" close={close} onClick={() => accept({ what: "all" })}>
            Everything <kbd>A</kbd>
          </AcceptItem>
          {chosen !== null && (
            <AcceptItem
              testid="class"
              close={close}
              onClick={() => accept({ what: "class", class: chosen.index })}
            >
              Only “{chosen.name}”
            </AcceptItem>
          )}
          <AcceptItem
            testid="rectangle"
            close={close}
            onClick={() => {
              tool.value = "accept-rectangle";
            }}
          >
            In a box that I draw
          </AcceptItem>
          <div class="surer">
            <label>
              <span>
                All surer than <b>{percent(sureness.value)}</b>
              </span>
              <input
                type="range"
                min={0.4}
                max={0.99}
                step={0.01}
                data-testid="accept-confidence"
                value={sureness.value}
                onInput={(event) => {
                  sureness.value = event.currentTarget.valueAsNumber;
                  surerThan.value = sureness.value;
                }}
                onFocus={() => {
                  surerThan.value = sureness.value;
                }}
              />
            </label>
            <button
              type="button"
              class="button accent"
              data-testid="accept-surer"
              onClick={() => {
                accept({ what: "surer", confidence: sureness.value });
                close();
              }}
            >
              Accept these
            </button>
          </div>
        </div>
      )}
    </Menu>
  );
}

function Done() {
  const done = current.value?.state === "done";
  return (
    <button
      type="button"
      class={done ? "text-button done on" : "text-button done"}
      data-testid="done"
      aria-pressed={done}
      title="This image is done (D)"
      disabled={current.value === null || frozen.value}
      onClick={() => submit({ kind: "done", done: !done })}
    >
      <Icon name="check" /> Done
    </button>
  );
}

function ImageName() {
  const image = current.value;
  const place = image === null ? undefined : placeOf(image.id);
  return (
    <h1 class="image-name">
      <span class="project-name" title={project.value?.folder}>
        {project.value?.name ?? "segfit studio"}
      </span>
      {image !== null && (
        <span class="file-name" data-testid="image-name" title={image.name}>
          <span>{image.name}</span>
          {place !== undefined && (
            <small>
              {place + 1} of {total.value}
            </small>
          )}
        </span>
      )}
    </h1>
  );
}

const PageLink = ({ name, title }: { name: Page; title: string }) => (
  <a
    href={`#${name}`}
    data-testid={`page-${name}`}
    aria-current={page.value === name ? "page" : undefined}
  >
    {title}
  </a>
);

export function Bar() {
  const onImage = page.value === "image";
  return (
    <header class="bar">
      <ImageName />
      {onImage && (
        <div class="bar-tools" role="toolbar" aria-label="Image">
          <History />
          <Zoom />
          <Light />
          <Proposal />
          <Accept />
          <Done />
        </div>
      )}
      <nav class="bar-pages" aria-label="Pages">
        <TrainButton />
        {!onImage && (
          <a href={`#image=${wantedId.value ?? ""}`} data-testid="page-image">
            Back to the images
          </a>
        )}
        <PageLink name="judge" title="Judge" />
        <PageLink name="takeaway" title="Take away" />
        {onImage && (
          <IconButton
            icon="panels"
            label="Only the image"
            testid="panels"
            keys="\"
            pressed={!panelsShown.value}
            onClick={() => {
              panelsShown.value = !panelsShown.value;
            }}
          />
        )}
        <IconButton
          icon="keyboard"
          label="All keys"
          testid="help"
          keys="?"
          onClick={() => {
            dialog.value = "help";
          }}
        />
      </nav>
    </header>
  );
}
