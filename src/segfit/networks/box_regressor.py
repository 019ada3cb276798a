"""The box network: a region seen in its box's frame → how far off the four edges are.

Shapes: ``B`` boxes; ``G`` grid points along either side; ``C`` channels of a layer; ``F`` features
and ``K`` class logits of the score grid (h, w), ``S`` squeezed features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.model.architecture import BoxArchitecture
from segfit.networks.network import Axes, Input, Network, NetworkKind
from segfit.networks.outline_regressor import LARGEST_LOGIT, LEVELS_PER_UNIT, LOGITS_PER_UNIT
from segfit.networks.squeezing import squeeze_planes
from segfit.refinement.boxes import LARGEST_INWARDS, MARGIN

STAY_PER_POINT, LARGEST_STAY = 3.0, 6.0
"""What a place's logit loses per grid point from the edge, at the beginning."""
FIRST_LOG_ERROR = -2.5
"""A box's edge is off by about a twelfth of its side."""
SMALLEST_LOG_ERROR, LARGEST_LOG_ERROR = -7.0, 0.0
OCTAVES_PER_UNIT, MIDDLE_OCTAVE = 2.0, 5.0


class BoxRegressor(Network):
    """What a box shows is re-encoded, folded onto its two axes, and its edges sought there.

    The answer for an edge is a distribution over the places along the axis across it, whose mean is
    the offset; a second output along the axis is the logarithm of the standard error.
    """

    architecture: BoxArchitecture

    def __init__(self, architecture: BoxArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        width = architecture.width
        channels = 6
        if architecture.features:
            self.squeeze = nn.Conv2d(architecture.features, architecture.squeezed, 1)
            channels += architecture.squeezed + 1
        self.encode = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=2, dilation=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=3, dilation=3),
            nn.ReLU(),
        )
        self.along = nn.Sequential(
            nn.Conv1d(3 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(2 * width, width, 5, padding=2),
            nn.ReLU(),
        )
        for layer in [*self.encode, *self.along]:
            if isinstance(layer, nn.Conv2d | nn.Conv1d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.heads = nn.ModuleList(nn.Conv1d(width, 2, 1) for _ in range(4))
        for head in self.heads:  # before it has learned anything, it leaves everything where it is
            nn.init.zeros_(head.weight)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        places, stay = place_edges(architecture.grid_points)
        self.places: Tensor
        self.stay: Tensor
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("stay", stay, persistent=False)

    def forward(
        self, image: Tensor, inside: Tensor, scale: Tensor, *evidence: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Offset of each edge and its standard error, (B, 4) each, in shares of the sides.

        Takes what ``segfit.refinement.boxes.BoxPatches.inputs`` gives, in its order.
        """
        offsets, log_errors = self.answer(image, inside, scale, *evidence)
        return offsets, log_errors.exp()

    def answer(
        self, image: Tensor, inside: Tensor, scale: Tensor, *evidence: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Offsets, and the logarithms of their standard errors, (B, 4) each."""
        points = self.architecture.grid_points
        colors = (image - image.mean(dim=(1, 2), keepdim=True)) / LEVELS_PER_UNIT
        octaves = (scale - MIDDLE_OCTAVE) / OCTAVES_PER_UNIT  # (B, 2)
        parts = [
            colors.permute(0, 3, 1, 2),
            inside[:, None],
            octaves[:, :, None, None].expand(-1, -1, points, points),
        ]
        if self.architecture.features:
            parts += self._look_up(*evidence)
        encoded = self.encode(torch.cat(parts, dim=1))  # (B, C, G, G)
        down = self._fold(encoded)
        right = self._fold(encoded.transpose(2, 3))
        offsets, log_errors = [], []
        for edge, head in enumerate(self.heads):
            answers = head(right if edge % 2 else down)  # (B, 2, G)
            weights = torch.softmax(answers[:, 0] + self.stay[edge], dim=1)  # (B, G)
            offsets.append((weights * self.places[edge]).sum(dim=1))
            log_errors.append((weights * answers[:, 1]).sum(dim=1) + FIRST_LOG_ERROR)
        errors = torch.stack(log_errors, dim=1).clamp(SMALLEST_LOG_ERROR, LARGEST_LOG_ERROR)
        return torch.stack(offsets, dim=1), errors

    def inputs(self) -> dict[str, Input]:
        """What ``segfit.refinement.boxes.BoxPatches.inputs`` gives."""
        boxes = {0: "boxes"}
        points, features = self.architecture.grid_points, self.architecture.features
        inputs = {
            "image": Input(torch.zeros((3, points, points, 3)), boxes),
            "inside": Input(torch.zeros((3, points, points)), boxes),
            "scale": Input(torch.zeros((3, 2)), boxes),
        }
        if features:
            inputs |= {
                "grid": Input(
                    torch.zeros((1, self.architecture.seen_planes + 2, 4, 4)),
                    {1: "k", 2: "h", 3: "w"},
                ),
                "positions": Input(torch.zeros((3, points, points, 2)), boxes),
                "classes": Input(torch.zeros(3, dtype=torch.int64), boxes),
            }
        return inputs

    def outputs(self) -> dict[str, Axes]:
        """Offsets and standard errors."""
        return {"offsets": {0: "boxes"}, "errors": {0: "boxes"}}

    def _fold(self, encoded: Tensor) -> Tensor:
        """One vector per row, of its mean, its middle and its peaks: (B, C, G, G) to (B, C, G)."""
        margin = count_margin_points(self.architecture.grid_points)
        middle = encoded[..., margin:-margin]
        rows = [encoded.mean(dim=3), middle.mean(dim=3), encoded.amax(dim=3)]
        folded: Tensor = self.along(torch.cat(rows, dim=1))
        return folded

    def _look_up(self, grid: Tensor, positions: Tensor, classes: Tensor) -> list[Tensor]:
        """Squeezed features (B, S, G, G), the class's margin over the others (B, 1, G, G)."""
        points = self.architecture.grid_points
        planes = squeeze_planes(grid, self.architecture, self.squeeze)
        sampled = F.grid_sample(
            planes,
            positions.reshape(1, -1, points, 2),
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )  # (1, S + K, B·G, G)
        seen = sampled[0].reshape(sampled.shape[1], -1, points, points).permute(1, 0, 2, 3)
        squeezed = self.architecture.squeezed
        features, logits = seen[:, :squeezed], seen[:, squeezed:]
        numbers = torch.arange(logits.shape[1], device=logits.device)[None, :, None, None]
        is_own = numbers == classes[:, None, None, None]  # (B, K, 1, 1)
        own = torch.where(is_own, logits, 0.0).sum(dim=1, keepdim=True)
        other = torch.where(is_own, -torch.inf, logits).amax(dim=1, keepdim=True)
        margin = (own - other).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        return [features, margin / LOGITS_PER_UNIT]


def count_margin_points(grid_points: int) -> int:
    """Grid points before the box's edge."""
    return round(grid_points * MARGIN / (1 + 2 * MARGIN))


def place_edges(grid_points: int) -> tuple[Tensor, Tensor]:
    """Where each edge may go, and the logits that it has at the beginning, (4, G) each.

    Places are offsets of the top, right, bottom and left edge at each grid point along the axis
    across it. The mean of the beginning's distribution is 0.
    """
    spacing = (1 + 2 * MARGIN) / grid_points
    along = (torch.arange(grid_points) + 0.5) * spacing - 0.5 - MARGIN  # from the middle
    places = torch.stack([-along, along, along, -along]) - 0.5
    stay = -(STAY_PER_POINT * places.abs() / spacing).clamp(max=LARGEST_STAY)
    stay = stay.masked_fill(places < -LARGEST_INWARDS, -torch.inf)
    mean = (torch.softmax(stay, dim=1) * places).sum(dim=1, keepdim=True)
    return places - mean, stay


NETWORK = NetworkKind(BoxArchitecture, BoxRegressor)
