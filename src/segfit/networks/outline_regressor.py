"""The regression network: strips across an outline → how far off it is, and how sure that is.

Shapes: ``V`` vertices; ``T`` strip points, ``E`` of which look at the score grid (h, w) of ``F``
features and ``K`` class logits; ``S`` squeezed features; ``C`` channels of a layer.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.basics.arrays import Float64Array
from segfit.model.architecture import OutlineArchitecture
from segfit.networks.network import Axes, Input, Network, NetworkKind
from segfit.networks.squeezing import squeeze_planes
from segfit.refinement.outlines import EVIDENCE_SPACING

FLAT_LEVELS = 4.0
"""Grey levels of contrast at which a strip counts as flat: less is not enlarged any more."""
LEVELS_PER_UNIT = 16.0
LARGEST_PROFILE = 2.0
LOGITS_PER_UNIT, LARGEST_LOGIT = 4.0, 16.0
CELLS_PER_UNIT, LARGEST_OFFSET = 4.0, 16.0
Values = TypeVar("Values", Tensor, Float64Array)

STAY = 3.0
NEAR_MODE = 2
"""Strip points on either side of the likeliest one over which the offset is averaged."""
SMALLEST_LOG_ERROR, LARGEST_LOG_ERROR = -5.0, 3.0


class ColorDescription(nn.Module):
    """What a strip shows, whatever its brightness and contrast, and how much contrast it has.

    All that is linear is a matrix over the levels of a strip, laid end to end: products of matrices
    take a tenth of the time that sums over small axes do.
    """

    def __init__(self, points: int) -> None:
        super().__init__()
        middle, colors = points // 2, torch.eye(3)
        difference = torch.zeros(points)
        difference[:middle], difference[middle + 1 :] = 1 / middle, -1 / (points - middle - 1)
        mean = torch.full((points, points), 1 / points)
        self.center: Tensor
        self.change: Tensor
        self.total: Tensor
        self.register_buffer("center", torch.eye(3 * points) - torch.kron(mean, colors), False)
        repeated = difference[:, None].expand(-1, points)
        self.register_buffer("change", torch.kron(repeated, colors), False)
        self.register_buffer("total", torch.kron(torch.eye(points), torch.ones(3, 1)), False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Describe grey levels (V, T, 3) of strips whose vertex is in the middle.

        Returns colors (V, T·3) without their mean, in units of their spread; profile (V, T), what
        they have of the change of color from the left half to the right, which falls by about 1
        across an edge; logarithms of spread and change (V, 1) each.
        """
        points = image.shape[1]
        colors = image.flatten(1) @ self.center  # (V, T·3)
        change = colors @ self.change  # (V, T·3), the same at every point
        spread = (_sum(colors * colors) / (3 * points) + FLAT_LEVELS**2).sqrt()  # (V, 1)
        size = _sum(change * change) / points + FLAT_LEVELS**2  # (V, 1)
        profile = ((colors * change) @ self.total) / size  # (V, T)
        return [
            colors / spread,
            profile.clamp(-LARGEST_PROFILE, LARGEST_PROFILE),
            (spread / LEVELS_PER_UNIT).log(),
            (size / LEVELS_PER_UNIT**2).log() / 2,
        ]


def _sum(values: Tensor) -> Tensor:
    """Sums of rows, (V, N) to (V, 1)."""
    return values.sum(dim=1, keepdim=True)


class AlongOutline(nn.Module):
    """A residual layer over each vertex and its neighbours at one distance along the outline."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, around: Tensor) -> Tensor:
        """Map (V, C) to (V, C); ``around``: (V, 3) indices of those behind, here and ahead."""
        seen = x.index_select(0, around.flatten()).reshape(-1, 3 * x.shape[1])
        y: Tensor = x + self.out(F.relu(self.mix(seen)))
        return y


class OutlineRegressor(Network):
    """Strips are folded into one vector per vertex; layers along the outline let neighbours agree.

    The answer is a distribution over the strip's points; its mean around the likeliest point is the
    offset. A last output is the logarithm of the offset's standard error. See the architecture's
    ``shrinkage``.
    """

    architecture: OutlineArchitecture

    def __init__(self, architecture: OutlineArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        points, width = architecture.strip_points, architecture.width
        evidence = points
        if architecture.features:
            self.squeeze = nn.Conv2d(architecture.features, architecture.squeezed, 1)
            channels = architecture.squeezed + (2 if architecture.has_objects else 1)
            evidence = len(range(points)[::EVIDENCE_SPACING]) * channels
        self.describe = ColorDescription(points)
        self.fold_image = nn.Linear(points * 4 + 2, width)
        self.fold_evidence = nn.Linear(evidence + 1, width)
        self.layers = nn.ModuleList(AlongOutline(width) for _ in architecture.dilations)
        self.head = nn.Linear(width, points + 1)
        # Before it has learned anything, it leaves everything where it is.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head.bias.data[points // 2] = STAY
        self.places: Tensor
        self.register_buffer("places", torch.arange(points) - (points - 1) / 2, persistent=False)

    def forward(
        self, image: Tensor, neighbours: Tensor, scale: Tensor, *evidence: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Offset of the outline at each vertex and its standard error, (V,) each, in steps.

        Takes what ``segfit.refinement.outlines.Strips.inputs`` gives, in its order.
        """
        logits, log_error = self.answer(image, neighbours, scale, *evidence)
        error = log_error.exp()
        return self.find_offset(logits, error), error

    def answer(
        self, image: Tensor, neighbours: Tensor, scale: Tensor, *evidence: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits over the strip points (V, T), and the logarithm of the standard error (V,)."""
        parts = self._look_up(*evidence) if self.architecture.features else list(evidence)
        parts.append(scale.expand(image.shape[0], 1))  # not len(): the exporter must see it
        shown = self.describe(image.float())
        x = self.fold_image(torch.cat(shown, dim=1)) + self.fold_evidence(torch.cat(parts, dim=1))
        x = F.relu(x)  # (V, C)
        here = torch.arange(image.shape[0], device=x.device).expand(len(self.layers), -1)
        around = torch.stack([neighbours.T[::2], here, neighbours.T[1::2]], dim=2)  # (layers, V, 3)
        for index, layer in enumerate(self.layers):
            x = layer(x, around[index])
        return self.conclude(F.relu(x))

    def conclude(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer: ``answer`` from what is known of each vertex, (V, C)."""
        answers = self.head(features)  # (V, T + 1)
        return answers[:, :-1], answers[:, -1].clamp(SMALLEST_LOG_ERROR, LARGEST_LOG_ERROR)

    def inputs(self) -> dict[str, Input]:
        """What ``segfit.refinement.outlines.Strips.inputs`` gives."""
        vertices = {0: "vertices"}
        points, features = self.architecture.strip_points, self.architecture.features
        near = 2 * len(self.architecture.dilations)
        inputs = {
            "image": Input(torch.zeros((3, points, 3), dtype=torch.uint8), vertices),
            "neighbours": Input(torch.zeros((3, near), dtype=torch.int64), vertices),
            "scale": Input(torch.zeros(1)),
        }
        if not features:
            return {**inputs, "sides": Input(torch.zeros((3, points)), vertices)}
        inputs |= {
            "grid": Input(
                torch.zeros((1, self.architecture.seen_planes + 2, 4, 4)),
                {1: "k", 2: "h", 3: "w"},
            ),
            "positions": Input(torch.zeros((3, points, 2))[:, ::EVIDENCE_SPACING], vertices),
            "classes": Input(torch.zeros((3, 2), dtype=torch.int64), vertices),
        }
        if self.architecture.has_objects:
            inputs["normals"] = Input(torch.zeros((3, 2)), vertices)
        return inputs

    def outputs(self) -> dict[str, Axes]:
        """Offsets and standard errors."""
        return {"offsets": {0: "vertices"}, "errors": {0: "vertices"}}

    def find_offset(self, logits: Tensor, error: Tensor) -> Tensor:
        """Offset (V,) by logits (V, T), shorter where the error (V,) is large, all in steps."""
        offset, shrinkage = self.mean_near_mode(logits), self.architecture.shrinkage
        return shrink(offset, error, shrinkage) if shrinkage > 0 else offset

    def mean_near_mode(self, logits: Tensor) -> Tensor:
        """Mean strip position around the likeliest one, (V, T) to (V,), in steps."""
        weights = torch.softmax(logits, dim=1)
        mode = logits.argmax(dim=1, keepdim=True).to(logits.dtype)
        distance = (self.places + (self.architecture.strip_points - 1) / 2 - mode).abs()
        near = weights * (distance <= NEAR_MODE).to(logits.dtype)  # (V, T)
        return (near * self.places).sum(dim=1) / near.sum(dim=1).clamp(min=1e-6)

    def _look_up(
        self, grid: Tensor, positions: Tensor, classes: Tensor, *normals: Tensor
    ) -> list[Tensor]:
        """Squeezed features (V, E·S) and the left class's margin over the right one's (V, E).

        With objects, also how far on the left their centres are (V, E), in cells: the margin
        between two of one class is zero, but their centres are on different sides.
        """
        planes = squeeze_planes(grid, self.architecture, self.squeeze)
        sampled = F.grid_sample(
            planes, positions[None], mode="bilinear", padding_mode="border", align_corners=False
        )  # (1, S + K, V, E)
        vectors = sampled[0].permute(1, 2, 0)  # (V, E, S + K)
        features = vectors[..., : self.architecture.squeezed].flatten(1)
        logits = vectors[..., self.architecture.squeezed :]
        index = classes[:, None, :].expand(-1, logits.shape[1], -1)  # (V, E, 2)
        pair = torch.gather(logits, 2, index)
        margin = (pair[..., 0] - pair[..., 1]).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        parts = [features, margin / LOGITS_PER_UNIT]
        if self.architecture.has_objects:
            ahead = (vectors[..., -2:] * normals[0][:, None]).sum(dim=2)  # (V, E)
            parts.append(-ahead.clamp(-LARGEST_OFFSET, LARGEST_OFFSET) / CELLS_PER_UNIT)
        return parts


def shrink(offset: Values, error: Values, shrinkage: float) -> Values:
    """Offsets (V,) by errors (V,) in steps: see ``OutlineArchitecture``."""
    return offset / (1 + (shrinkage * error) ** 2)


NETWORK = NetworkKind(OutlineArchitecture, OutlineRegressor)
