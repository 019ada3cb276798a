"""Answers over HTTP: what every server of segfit shares, and ``segfit serve``."""
