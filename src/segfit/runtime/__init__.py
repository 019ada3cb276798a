"""Runs a model's networks: OpenVINO by default, ONNX Runtime or torch by choice."""
