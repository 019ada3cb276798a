"""Networks of a model, opened and run."""
