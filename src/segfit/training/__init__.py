"""Training: data in, model file out. Everything here may import torch."""

from segfit.training.train import TrainingResult, train

__all__ = ["TrainingResult", "train"]
