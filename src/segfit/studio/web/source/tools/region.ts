/** The region of the image under the pointer: shown while hovering, given to the class by a click. */

import { effect } from "@preact/signals";
import { fetchRegion } from "../api/client";
import type { Point, Region } from "../api/types";
import { colorOf } from "../stage/ink";
import { underPointer } from "../state/pointer";
import { activeClass, regionsFound, scale, shownScale } from "../state/tools";
import type { Desk, Tool } from "./tool";

const MOVED_PX = 3;

export function createRegion(desk: Desk): Tool {
  const state = {
    at: null as Point | null,
    asked: null as Point | null,
    region: null as Region | null,
    request: null as AbortController | null,
  };

  async function look(): Promise<void> {
    if (state.request !== null || state.at === null) return;
    const [x, y] = state.at;
    const asked = scale.value;
    const request = new AbortController();
    state.request = request;
    state.asked = state.at;
    try {
      const region = await fetchRegion(desk.image, x, y, asked, request.signal);
      state.region = region;
      shownScale.value = { scale: region.scale, scales: region.scales };
      underPointer.value = { ...underPointer.value, region_px: region.area_px };
    } catch {
      state.region = null;
    }
    state.request = null;
    desk.redraw();
    const moved =
      state.at !== null && state.asked !== null && distance(state.at, state.asked) > 0.01;
    if (state.at !== null && (moved || scale.value !== asked)) void look();
  }

  const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]) * desk.view().zoom;

  const stopWatching = effect(() => {
    void [scale.value, regionsFound.value];
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
    press([x, y]) {
      const chosen = activeClass.value;
      if (chosen !== null)
        desk.submit({ kind: "region", class: chosen.index, x, y, scale: shownScale.value.scale });
    },
    key(key) {
      if (key !== "a" || state.at === null) return false;
      const [x, y] = state.at;
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
