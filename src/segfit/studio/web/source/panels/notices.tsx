/** Sentences about what happened, for a while, at the lower edge. */

import { dismiss, notices } from "../state/app";
import { IconButton } from "./parts";

export const Notices = () => (
  <section class="notices" aria-label="Messages" aria-live="polite" data-testid="notices">
    {notices.value.map(({ id, level, text }) => (
      <div
        key={id}
        class={`notice ${level}`}
        role={level === "error" ? "alert" : "status"}
        data-testid={`notice-${level}`}
      >
        <p>{text}</p>
        <IconButton icon="close" label="Close" testid="notice-close" onClick={() => dismiss(id)} />
      </div>
    ))}
  </section>
);
