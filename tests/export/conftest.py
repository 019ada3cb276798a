"""Shipped models as graphs, run by ONNX Runtime."""

from __future__ import annotations

from functools import cache

import pytest
from running_graphs import Runner, open_graph

import segfit
from segfit.export.graphs import write_graphs
from segfit.model.archive import read_archive
from segfit.model.shipped import find_model


@pytest.fixture(scope="session")
def graphs_of():
    """The graphs of a shipped model by its name, written once."""

    @cache
    def write(name: str):
        return write_graphs(read_archive(find_model(name)))

    return write


@pytest.fixture(scope="session")
def graph_of(graphs_of):
    """What runs a graph of a shipped model, by their names."""

    @cache
    def open_one(model: str, graph: str) -> Runner:
        return open_graph(graphs_of(model)[graph])

    return open_one


@pytest.fixture(scope="session")
def segmenter_of():
    """A shipped model by its name, run by ONNX Runtime, too."""

    @cache
    def load(name: str) -> segfit.Segmenter:
        return segfit.load(name, backend="onnxruntime", threads=1)

    return load
