/** Who draws: asked once, after the first stroke, beside the work. */

import { frozen, introduce, project, remembered } from "../state/app";
import { current } from "../state/current";
import { IconButton } from "./parts";

const asked = remembered<boolean>("name-asked", false);

export function AskName() {
  const rev = current.value?.rev ?? 0;
  if (project.value?.me || asked.value || rev === 0 || frozen.value) return null;
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get("name")).trim();
    asked.value = true;
    if (name !== "") void introduce(name);
  };
  return (
    <form class="ask-name" data-testid="ask-name" onSubmit={save}>
      <label for="your-name">Your name, for the folder's journal</label>
      <input
        id="your-name"
        name="name"
        maxLength={60}
        autocomplete="name"
        data-testid="ask-name-input"
      />
      <button type="submit" class="button accent" data-testid="ask-name-save">
        Save
      </button>
      <IconButton
        icon="close"
        label="Skip"
        testid="ask-name-skip"
        onClick={() => {
          asked.value = true;
        }}
      />
    </form>
  );
}
