"""A model → files for programs without segfit: whole graphs in ONNX, and what is made of these."""
