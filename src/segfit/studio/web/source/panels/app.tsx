/** The whole page. The stage stays when another page is shown, so that coming back is instant. */

import { page, project } from "../state/app";
import { panelsShown } from "../state/tools";
import { AskName } from "./ask_name";
import { Bar } from "./bar";
import { ClassPanel } from "./classes";
import { ConflictDialog } from "./conflict";
import { Filmstrip } from "./filmstrip";
import { Help } from "./help";
import { Judge } from "./judge";
import { Notices } from "./notices";
import { StageView } from "./stage_view";
import { StatusLine } from "./status";
import { Takeaway } from "./takeaway";
import { ToolPanel } from "./tools";

export const App = () => (
  <div
    class={panelsShown.value ? "studio" : "studio bare"}
    data-testid="studio"
    data-loaded={project.value !== null}
  >
    <Bar />
    <div class="workplace" hidden={page.value !== "image"}>
      <Filmstrip />
      <main class="middle">
        <StageView />
        <StatusLine />
      </main>
      <aside class="side" aria-label="Classes and tools">
        <ClassPanel />
        <ToolPanel />
        <AskName />
      </aside>
    </div>
    {page.value === "judge" && <Judge />}
    {page.value === "takeaway" && <Takeaway />}
    <Notices />
    <ConflictDialog />
    <Help />
  </div>
);
