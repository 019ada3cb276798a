/** Two people drew at the same place: the second one says whose drawing stays. */

import { conflict, resolve } from "../state/outbox";
import { Modal } from "./parts";

export function ConflictDialog() {
  const found = conflict.value;
  if (found === null) return null;
  const who = found.who || "Somebody else";
  return (
    <Modal title={`${who} changed the same place`} testid="conflict">
      <p>
        It happened after you last saw it; the place is marked on the image. Your last change is not
        applied yet, and neither is lost: both stay in the journal.
      </p>
      <footer class="modal-buttons">
        <button
          type="button"
          class="button"
          data-testid="conflict-theirs"
          onClick={() => resolve("theirs")}
        >
          Keep theirs
        </button>
        <button
          type="button"
          class="button accent"
          data-testid="conflict-mine"
          onClick={() => resolve("mine")}
        >
          Draw mine over it
        </button>
      </footer>
    </Modal>
  );
}
