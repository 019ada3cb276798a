/** The line below: what the pointer is on, how sure, how large; and whether all is saved. */

import { classes, connected, frozen } from "../state/app";
import { current, expectsProposal, nextUnsure, unsure, unsureAt } from "../state/current";
import { unsent } from "../state/outbox";
import { underPointer } from "../state/pointer";
import { labelsShown } from "../state/tools";
import { Icon } from "./icons";
import { percent, shorten } from "./parts";
import { stage } from "./stage_view";
import { Swatch } from "./swatch";

export async function goToNextUnsure(): Promise<void> {
  const place = await nextUnsure();
  if (place !== null) stage.value?.goTo([place.x, place.y]);
}

function WhatIsHere() {
  const { at, info, region_px, snapped_error_px } = underPointer.value;
  if (snapped_error_px !== null)
    return <span>Snapped, ± {snapped_error_px.toFixed(1)} px on average</span>;
  if (at === null) return <span class="faint">Point at the image to see what is there</span>;
  const index = info?.label?.class ?? info?.proposal?.class;
  const entry = classes.value.find((each) => each.index === index);
  const parts: string[] = [];
  if (info?.label) parts.push(info.label.origin === "hand" ? "drawn by hand" : "accepted");
  else if (info?.proposal) parts.push(`proposed, ${percent(info.proposal.confidence)} sure`);
  if (info?.object) {
    parts.push(`${shorten(info.object.area_px)} px`);
    if (info.object.error_px !== null) parts.push(`± ${info.object.error_px.toFixed(1)} px`);
  }
  if (region_px !== null) parts.push(`region ${shorten(region_px)} px`);
  return (
    <>
      {entry === undefined ? (
        <span class="faint">{info === null ? "" : "nothing yet"}</span>
      ) : (
        <>
          <Swatch index={entry.index} color={entry.color} />
          <b>{entry.name}</b>
        </>
      )}
      {parts.map((part) => (
        <span key={part}>{part}</span>
      ))}
    </>
  );
}

function Saved() {
  if (frozen.value) return <span>Read-only: nothing is saved</span>;
  if (unsent.value > 0)
    return (
      <span class={connected.value ? "" : "warning"}>
        {connected.value ? "Saving …" : `${unsent.value} kept here, not sent yet`}
      </span>
    );
  return <span class="faint">{connected.value ? "All saved" : "No answer from the server"}</span>;
}

export function StatusLine() {
  const { at } = underPointer.value;
  return (
    <footer class="status" data-testid="status">
      <div class="status-here" aria-live="polite" data-testid="status-here">
        <WhatIsHere />
      </div>
      <div class="status-right">
        {current.value !== null && (
          <button
            type="button"
            class="quiet"
            data-testid="unsure"
            title="Go to the next place of which the machine is least sure (N)"
            onClick={() => void goToNextUnsure()}
          >
            <Icon name="target" />
            {unsureAt.value >= 0
              ? `Least sure ${unsureAt.value + 1} of ${unsure.value.length}`
              : "Least sure"}
          </button>
        )}
        {!labelsShown.value && <span class="warning">Labels are hidden (Q)</span>}
        {expectsProposal.value && <span class="faint">Proposing …</span>}
        <span class="coordinates">
          {at === null ? "" : `${Math.floor(at[0])}, ${Math.floor(at[1])}`}
        </span>
        <span data-testid="saved" aria-live="polite">
          <Saved />
        </span>
      </div>
    </footer>
  );
}
