"""What of a classifier's feature vectors the other networks of its model look at.

Each of them begins with a layer that squeezes ``F`` features to a few numbers, the same at every
place. Of a feature vector only its part within the span of these layers' rows matters, and of a
large image only that is kept: 8 planes instead of 64.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard

SQUEEZING_LAYER = "squeeze.weight"
"""Of every network that goes by a classifier's features: (S, F, 1, 1)."""
TYPES = {"F16": "<f2", "F32": "<f4"}


def find_feature_basis(model: ModelFile[ModelCard]) -> Float32Array | None:
    """An orthonormal basis (F, r) of all that a model's networks see of features.

    ``features − basis @ basis.T @ features`` is seen by none of them. None where no network goes by
    features.
    """
    layers = [
        read_tensor(model.networks[name].weights, SQUEEZING_LAYER)
        for name, network in model.card.networks.items()
        if network.architecture.needs_features
    ]
    if not layers:
        return None
    rows = np.concatenate([layer.reshape(len(layer), -1) for layer in layers]).astype(np.float64)
    basis, _ = np.linalg.qr(rows.T)
    return np.asarray(basis, np.float32)


def read_tensor(weights: bytes, name: str) -> Float32Array:
    """One tensor of a safetensors file: a header's length, the header in JSON, the bare numbers."""
    (length,) = struct.unpack("<Q", weights[:8])
    entry = json.loads(weights[8 : 8 + length])[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    values: NDArray[Any] = np.frombuffer(weights[begin:end], np.dtype(TYPES[entry["dtype"]]))
    return np.asarray(values.reshape(entry["shape"]), np.float32)
