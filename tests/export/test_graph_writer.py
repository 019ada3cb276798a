"""Graphs that are written as NumPy is give what NumPy gives."""

from __future__ import annotations

import numpy as np
import onnx
from running_graphs import open_graph

from segfit.export.graph import GraphWriter


def test_values_are_combined_as_in_numpy():
    graph = GraphWriter()
    a = graph.take("a", np.float32, ["n"])
    b = graph.take("b", np.float32, ["n"])
    graph.give("mixed", ((a - b) * 2 + 1) / 4, ["n"])
    graph.give("clipped", a.at_least(-1).at_most(b), ["n"])
    graph.give("chosen", (a > b).where(a, b), ["n"])
    graph.give("whole", (a.cast(np.int64) / 2).cast(np.int32), ["n"])
    model = graph.build("mixed")
    onnx.checker.check_model(model, full_check=True)
    a_given, b_given = np.float32([5, -3, 2]), np.float32([1, 2, 2])
    found = open_graph(model)(a=a_given, b=b_given)
    np.testing.assert_array_equal(found["mixed"], ((a_given - b_given) * 2 + 1) / 4)
    np.testing.assert_array_equal(found["clipped"], [1, -1, 2])
    np.testing.assert_array_equal(found["chosen"], [5, 2, 2])
    np.testing.assert_array_equal(found["whole"], [2, -1, 1])


def test_sides_crops_and_pads():
    graph = GraphWriter()
    grid = graph.take("grid", np.float32, ["rows", "columns"])
    graph.give("flat", grid.reshape(-1), ["n"])
    graph.give("inner", grid.crop([1, 0], [grid.side(0), 2], axes=[0, 1]), ["rows", "columns"])
    graph.give("longer", grid.pad_after([0, grid.side(1)], mode="edge"), ["rows", "columns"])
    graph.give("second", grid.look_up(graph.constant(1, np.int64), axis=1), ["rows"])
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = open_graph(graph.build("grid"))(grid=given)
    np.testing.assert_array_equal(found["flat"], given.ravel())
    np.testing.assert_array_equal(found["inner"], [[3, 4]])
    np.testing.assert_array_equal(found["longer"], [[0, 1, 2, 2, 2, 2], [3, 4, 5, 5, 5, 5]])
    np.testing.assert_array_equal(found["second"], [1, 4])


def test_a_step_is_repeated_as_often_as_is_said():
    graph = GraphWriter()
    values = graph.take("values", np.float32, ["n"])
    count = graph.take("count", np.int64, [])
    doubled = graph.repeat(count, values, ["n"], lambda value: graph_of(value).join([value, value]))
    graph.give("doubled", doubled, ["n"])
    model = graph.build("doubling")
    onnx.checker.check_model(model, full_check=True)
    run = open_graph(model)
    for turns in (0, 1, 3):
        found = run(values=np.float32([1, 2]), count=np.array(turns))
        np.testing.assert_array_equal(found["doubled"], [1, 2] * 2**turns)


def graph_of(value):
    """The graph that a value is of: within a loop that is another one."""
    return value.graph
