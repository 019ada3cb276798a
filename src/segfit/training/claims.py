"""What a regressor claims of its own errors, and how far it goes by that.

Both are fitted last, to images that it has not learned from.

On what a network has learned by heart its errors are smaller than elsewhere, and not by the same
factor for every class and kind of border: one factor for all (a temperature) would leave some
claims too small and others too large. So the last row of weights, which says an error from what
the network knows of a vertex, is fitted anew.

Shapes: ``V`` vertices; ``C`` features of each.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from segfit.basics.arrays import Float64Array
from segfit.networks.outline_regressor import shrink
from segfit.training.residuals import COUNTS, NORMAL_SHARES

FEWEST_IMAGES = 4
"""From fewer, 65 weights would learn what the images are, not what their borders are."""
DECAY = 1.0
"""Of squared changes of weights, of features of unit spread, divided by the number of images. A
third of it and twice as much do as well on others, with 3 images of superalloys as with 76 of
streets."""
SMOOTH = 0.05
"""Of the logarithm of an error: about its quantile the loss is round, so that L-BFGS can end."""
SMALLEST_ERROR = 0.02
"""In steps: how much smaller an error is than that says nothing."""
MOST_STEPS = 300
SHRINKAGES = (0.0, 0.15, 0.25, 0.4, 0.6)
"""By 0.4, an offset that is known to 2.5 steps is halved."""


def fit_shrinkage(targets: Float64Array, offsets: Float64Array, claimed: Float64Array) -> float:
    """The ``OutlineArchitecture.shrinkage`` with which vertices end nearest to the truth.

    ``targets``: (V,) true offsets, ``offsets``: a network's before they are shrunk, ``claimed``:
    their errors as it says them, all in steps.
    """
    distances = [np.abs(targets - shrink(offsets, claimed, by)).mean() for by in SHRINKAGES]
    return SHRINKAGES[int(np.argmin(distances))]


def fit_claims(
    head: nn.Linear,
    features: Float64Array,
    errors: Float64Array,
    claimed: Float64Array,
    *,
    images: int,
) -> None:
    """Change the last output of a layer so that errors are within one and two times what it says.

    ``features``: (V, C) that the layer is given. ``errors``: (V,) sizes of the errors made there,
    ``claimed``: (V,) as they are said so far, in the same unit; the layer gives their logarithm.
    ``images``: how many these vertices are of.

    The mean pinball loss (Koenker and Bassett, 1978) of both logarithms' quantiles, by ``COUNTS``,
    is least: then as many errors are within the claim as should be not only on the whole, but
    wherever a feature is large, too.
    """
    excess = np.log(np.maximum(errors, SMALLEST_ERROR)) - np.log(claimed)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread < 1e-6] = np.inf  # it says nothing
    shown, decay = (features - mean) / spread, DECAY / images

    def measure(flat: Float64Array) -> tuple[float, Float64Array]:
        weights, bias = flat[:-1], flat[-1]
        change = shown @ weights + bias
        loss, slope = decay * float(weights @ weights), np.zeros(len(excess))
        for times, share in NORMAL_SHARES.items():
            beyond = excess - change - np.log(times)
            rounded = SMOOTH * np.logaddexp(0, beyond / SMOOTH)
            loss += COUNTS[times] * float((rounded - (1 - share) * beyond).mean())
            is_beyond = 1 / (1 + np.exp(-np.clip(beyond / SMOOTH, -50, 50)))
            slope += COUNTS[times] * ((1 - share) - is_beyond)
        slope /= len(excess)
        return loss, np.append(shown.T @ slope + 2 * decay * weights, slope.sum())

    start = np.zeros(features.shape[1] + 1)
    found = minimize(measure, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x
    weights = found[:-1] / spread
    with torch.no_grad():
        head.weight[-1] += torch.as_tensor(weights).to(head.weight)
        head.bias[-1] += float(found[-1] - weights @ mean)
