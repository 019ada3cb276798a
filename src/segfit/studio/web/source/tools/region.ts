/** The region of the image under the pointer: shown while hovering, given to the class by a click. */

import { effect } from "@preact/signals";
import { fetchRegion } from "../api/client";
import type { Point, Region } from "../api/types";
import { colorOf } from "../stage/ink";
import { underPointer } from "../state/pointer";
import { activeClass, regionsFound, scale, shownScale } from "../state/tools";
import type { Desk, Tool } from "./tool";

const MOVED_PX = 3;
const NEAR_PX = 12;

export function createRegion(desk: Desk): Tool {
  const state = {
    at: null as Point | null,
    asked: null as Point | null,
    region: null as Region | null,
    /** Where the region was asked for that is shown. */
    shownAt: null as Point | null,
    /** The size that the hand chose: regions elsewhere are as large. Null after the wheel. */
    area_px: null as number | null,
    request: null as AbortController | null,
  };

  async function look(): Promise<void> {
    if (state.request !== null || state.at === null) return;
    const at = state.at;
    const asked = state.area_px === null ? { scale: scale.value } : { area: state.area_px };
    const request = new AbortController();
    state.request = request;
    state.asked = at;
    try {
      const region = await fetchRegion(desk.image, at, asked, request.signal);
      state.region = region;
      state.shownAt = at;
      if ("scale" in asked && asked.scale === scale.value && region.scales > 0)
        state.area_px = region.area_px;
      shownScale.value = { scale: region.scale, scales: region.scales };
      underPointer.value = { ...underPointer.value, region_px: region.area_px };
    } catch {
      state.region = null;
    }
    state.request = null;
    desk.redraw();
    const outdated = "scale" in asked ? asked.scale !== scale.value : state.area_px === null;
    if (state.at !== null && (outdated || distance(state.at, at) > 0.01)) void look();
  }

  const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]) * desk.view().zoom;

  /** The point whose region is on screen, where the hand is still near it. */
  const whatIsShown = (at: Point): Point =>
    state.shownAt !== null && distance(state.shownAt, at) < NEAR_PX ? state.shownAt : at;

  const stopWatching = effect(() => {
    void [scale.value, regionsFound.value];
    state.area_px = null;
    void look();
  });

  return {
    drags: false,
    hover(at) {
      const before = state.at;
      state.at = at;
      if (at === null) {
        state.region = null;
        underPointer.value = { ...underPointer.value, region_px: null };
        desk.redraw();
      } else if (before === null || state.asked === null || distance(state.asked, at) >= MOVED_PX) {
        void look();
      }
    },
    press(at) {
      const chosen = activeClass.value;
      const [x, y] = whatIsShown(at);
      if (chosen !== null)
        desk.submit({ kind: "region", class: chosen.index, x, y, scale: shownScale.value.scale });
    },
    key(key) {
      if (key !== "a" || state.at === null) return false;
      const [x, y] = whatIsShown(state.at);
      desk.submit({ kind: "accept", what: "region", x, y, scale: shownScale.value.scale });
      return true;
    },
    cancel() {},
    close() {
      state.request?.abort();
      stopWatching();
      underPointer.value = { ...underPointer.value, region_px: null };
    },
    paint(hud) {
      if (state.region !== null)
        hud.rings(state.region.outline, colorOf(activeClass.peek()?.index ?? null));
    },
  };
}
