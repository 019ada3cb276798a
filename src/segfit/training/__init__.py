"""Training: data in, model file out. Everything here may import torch."""

from importlib.util import find_spec

from segfit.errors import SegfitError

# Asked for now: the exporter would otherwise be missed at the end of a training.
_NEEDED = ("torch", "onnx", "onnxscript", "safetensors")
_missing = [name for name in _NEEDED if find_spec(name) is None]
if _missing:
    raise SegfitError(
        f'training needs {", ".join(_missing)}, not installed here: pip install "segfit[train]"'
    )

from segfit.training.train import TrainingResult, train  # noqa: E402

__all__ = ["TrainingResult", "train"]
