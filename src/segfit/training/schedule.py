"""How many steps fit into the time that a training has, and how fast it learns at each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

ROUNDS = 20
SHORTEST_ROUND_SECONDS = 20.0
FEWEST_ROUNDS = 3
VALIDATING_SHARE = 0.08
FINE_STEP_RATIO = 2.0
"""What a step at full working resolution costs beside a coarse one, until it has been seen."""
FIRST_GUESS_STEPS = 100_000
TIMING_STEPS = 10
"""Steps of a timed training after which its number of steps is found."""
WARM_UP_STEPS = 20
FINAL_RATE = 0.02
"""Share of the peak learning rate at which the cosine ends."""


@dataclass
class Schedule:
    """The number of steps of a training, corrected by what they turn out to cost, and their rates.

    ``budget_seconds``: None for a training whose ``steps`` are given. The first steps of a timed
    training do not depend on the total, so that it may be found while they run. ``coarse_share``:
    share of the steps at half the resolution. ``decay``: how the learning rate falls.
    ``closing_rounds``: what the validation at the very end costs, in validations of a round.
    ``round_guess_seconds``: what a round's validation costs, until one has been seen.
    """

    steps: int
    budget_seconds: float | None = None
    coarse_share: float = 0.0
    decay: Literal["cosine", "constant"] = "cosine"
    closing_rounds: float = 1.0
    round_guess_seconds: float = 0.0
    coarse_until: int = 0
    coarse_seconds: list[float] = field(default_factory=list)
    fine_seconds: list[float] = field(default_factory=list)
    round_seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.coarse_until = self.coarse_until or round(self.coarse_share * self.steps)

    @property
    def rounds(self) -> int:
        """Rounds that the training is divided into; each ends with a validation."""
        if self.budget_seconds is None:
            return ROUNDS
        rounds = self.budget_seconds / SHORTEST_ROUND_SECONDS
        if self.validation_seconds > 0:
            affordable = VALIDATING_SHARE * self.budget_seconds / self.validation_seconds
            rounds = min(rounds, max(FEWEST_ROUNDS, affordable))
        return max(1, min(ROUNDS, int(rounds)))

    @property
    def validation_seconds(self) -> float:
        """What the validation of a round costs."""
        return median(self.round_seconds) if self.round_seconds else self.round_guess_seconds

    def is_coarse(self, step: int) -> bool:
        """Whether a step works at half the resolution."""
        return step < self.coarse_until

    def rate_factor(self, step: int) -> float:
        """Learning rate of a step as a share of the peak: a warm-up, then half a cosine."""
        factor = min(1.0, (step + 1) / WARM_UP_STEPS)
        if self.decay == "cosine":
            cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
            factor *= FINAL_RATE + (1 - FINAL_RATE) * cosine
        return factor

    def is_over(self, elapsed_seconds: float) -> bool:
        """Whether what is left of the budget is needed for this round's and the last validation."""
        if self.budget_seconds is None:
            return False
        reserved = self.validation_seconds * (1 + self.closing_rounds)
        return elapsed_seconds + reserved > self.budget_seconds

    def is_timing(self, step: int) -> bool:
        """Whether after so many steps it is not known yet how many there will be."""
        return self.budget_seconds is not None and step < TIMING_STEPS

    def find_round_end(self, step: int) -> int:
        """The step after which the round ends that the last step taken, ``step`` - 1, is in."""
        length = math.ceil(self.steps / self.rounds)
        return min(self.steps, math.ceil(step / length) * length)

    def note_step(self, step: int, seconds: float) -> None:
        """Remember what a step cost."""
        seen = self.coarse_seconds if self.is_coarse(step) else self.fine_seconds
        seen.append(seconds)
        del seen[:-50]

    def adjust(self, step: int, *, elapsed_seconds: float) -> None:
        """Find the number of steps whose end meets the budget's end."""
        if self.budget_seconds is None or not (self.coarse_seconds or self.fine_seconds):
            return
        rounds_left = self.rounds * max(0.0, 1 - step / max(1, self.steps))
        # One more step, and there is one more round to validate.
        validations_left = max(1, math.ceil(rounds_left)) + self.closing_rounds
        left = self.budget_seconds - elapsed_seconds - self.validation_seconds * validations_left
        fine = median(self.fine_seconds) if self.fine_seconds else 0.0
        coarse = median(self.coarse_seconds) if self.coarse_seconds else fine / FINE_STEP_RATIO
        fine = fine or coarse * FINE_STEP_RATIO
        if left <= 0:
            self.steps = step
        elif step < self.coarse_until:
            average = self.coarse_share * coarse + (1 - self.coarse_share) * fine
            self.steps = max(step + 1, round((left + step * coarse) / average))
            self.coarse_until = max(step, round(self.coarse_share * self.steps))
        else:
            self.steps = step + round(left / fine)


def make_schedule(
    steps: int | None,
    budget_seconds: float | None,
    *,
    coarse_share: float = 0.0,
    decay: Literal["cosine", "constant"] = "cosine",
    closing_rounds: float = 1.0,
) -> Schedule:
    """The schedule of so many steps, or where none are given, of as many as the budget allows.

    The other settings are as in ``Schedule``.
    """
    return Schedule(
        steps=steps or FIRST_GUESS_STEPS,
        budget_seconds=None if steps else budget_seconds,
        coarse_share=coarse_share,
        decay=decay,
        closing_rounds=closing_rounds,
    )
