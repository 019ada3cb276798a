"""Runs the trainings of one model's components one after the other, and writes checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from segfit.training.checkpoint import Checkpoint, write_checkpoint
from segfit.training.data.material import Material
from segfit.training.distributed import ALONE, Team
from segfit.training.engine import Engine, NetworkT, RoundT, State, Training
from segfit.training.events import Event, OnEvent, SmallerBatch
from segfit.training.placement import ON_CPU, Placement
from segfit.training.plan.plan import Plan
from segfit.training.preparation import Preparation


@dataclass(frozen=True)
class TrainingSession:
    """What the trainings of all components share; ``checkpoint`` is what ``path`` holds.

    ``material``: the images of the preparation, as they are or shrunk. ``placement``: where they
    compute. ``team``: who trains the classifier along. ``preview``: where the classifier is written
    whenever a round has made it better.
    """

    prepared: Preparation
    material: Material
    checkpoint: Checkpoint
    path: Path
    on_event: OnEvent
    placement: Placement = ON_CPU
    team: Team = ALONE
    preview: Path | None = None

    @property
    def seed(self) -> int:
        """The random seed that all components begin with."""
        return self.checkpoint.request.seed

    @property
    def plan(self) -> Plan:
        """The plan, its scaling that of the material, its batch as small as memory has made it."""
        batch = self.checkpoint.plan["batch"]
        update = {"scaling": self.material.scaling, "batch": batch}
        return self.prepared.plan.model_copy(update=update)

    def run(
        self,
        component: str,
        training: Training[NetworkT, RoundT],
        *,
        on_round: Callable[[Engine[NetworkT, RoundT]], None] | None = None,
    ) -> Engine[NetworkT, RoundT]:
        """Train a component to its end, from where the checkpoint has it.

        The seconds of its events begin where those of the components before it ended. ``on_round``
        gets the engine once a round is in the checkpoint.
        """
        states = self.checkpoint.states
        engine = Engine(training)
        if component in states:
            engine.restore(states[component])
        seconds_before = sum(state["seconds"] for key, state in states.items() if key != component)

        def tell(event: Event) -> None:
            if isinstance(event, SmallerBatch):
                self.checkpoint.plan["batch"] = event.batch
            self.on_event(replace(event, seconds=event.seconds + seconds_before))

        def save(state: State) -> None:
            states[component] = state
            if not self.team.is_leader:
                return
            write_checkpoint(self.path, self.checkpoint)
            if on_round is not None:
                on_round(engine)

        engine.run(on_event=tell, save=save)
        return engine
