"""What is to be said to whoever looks at the project, until it is no longer true."""

from __future__ import annotations

import threading

from segfit.studio.events import Events


class Notes:
    """Sentences by their subject; pages are told of new ones."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._notes: dict[str, str] = {}

    def say(self, subject: str, level: str, text: str) -> None:
        """Say something of a subject, unless just that was said; ``level``: warning or error."""
        with self._lock:
            if self._notes.get(subject) == text:
                return
            self._notes[subject] = text
        self._events.publish("note", {"level": level, "text": text, "subject": subject})

    def drop(self, subject: str) -> None:
        """It is no longer true."""
        with self._lock:
            dropped = self._notes.pop(subject, None)
        if dropped is not None:
            self._events.publish("note", {"level": "gone", "text": dropped, "subject": subject})

    def find(self, subject: str) -> str | None:
        """What is said of a subject."""
        with self._lock:
            return self._notes.get(subject)

    def list_texts(self) -> list[str]:
        """All that is to be said now."""
        with self._lock:
            return list(self._notes.values())
