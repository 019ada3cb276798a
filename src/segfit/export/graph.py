"""An ONNX graph written as NumPy is: values that are added, compared and handed to operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    compose,
    helper,
    numpy_helper,
)

OPSET = 18
"""Of the graphs of the networks, too."""
IR_VERSION = 8
"""The oldest that has this operator set; older runtimes read it."""

Axes: TypeAlias = Sequence[int | str]
"""Sides of an array; those that may have any length by their names."""
Number: TypeAlias = int | float


class GraphWriter:
    """Collects the nodes of a graph.

    >>> graph = GraphWriter()
    >>> sides = graph.take("sides", np.float32, ["count"])
    >>> graph.give("areas", sides * sides, ["count"])
    >>> [node.op_type for node in graph.build("squares").graph.node]
    ['Mul', 'Identity']
    """

    def __init__(self, prefix: str = "") -> None:
        """``prefix``: of all names, so that those of a graph within another are its own."""
        self._prefix = prefix
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._count = 0

    def take(self, name: str, dtype: DTypeLike, axes: Axes) -> Value:
        """An input of the graph."""
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), axes))
        return Value(self, name, np.dtype(dtype))

    def give(self, name: str, value: Value, axes: Axes) -> None:
        """Make a value an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _onnx_type(value.dtype), axes))

    def constant(self, values: object, dtype: DTypeLike) -> Value:
        """A constant array."""
        array: NDArray[Any] = np.array(values, dtype)
        name = self._name("constant")
        self._constants.append(numpy_helper.from_array(array, name))
        return Value(self, name, array.dtype)

    def apply(
        self,
        operator: str,
        *inputs: Value | None,
        dtype: DTypeLike | None = None,
        **attributes: Any,
    ) -> Value:
        """What an operator of ONNX makes of its inputs; None for one that is left out.

        ``dtype``: of the result, where it is not that of the first input. ``attributes``: those of
        the operator, by its names for them.
        """
        name = self._name(operator)
        names = ["" if value is None else value.name for value in inputs]
        self._nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        first = next((value for value in inputs if value is not None), None)
        return Value(
            self, name, np.dtype(dtype) if dtype is not None or first is None else first.dtype
        )

    def join(self, parts: Iterable[Value], *, axis: int = 0) -> Value:
        """Arrays one after another along an axis."""
        return self.apply("Concat", *parts, axis=axis)

    def count_up(self, end: Value) -> Value:
        """0, 1 … below ``end``, which has one element."""
        scalar = end.apply("Squeeze")
        return self.apply("Range", self.constant(0, end.dtype), scalar, self.constant(1, end.dtype))

    def call(self, model: ModelProto, inputs: Mapping[str, Value], *, name: str) -> list[Value]:
        """Write another model into this graph; its outputs.

        ``inputs``: by the model's names for them.
        """
        prefixed = compose.add_prefix(model, f"{name}/").graph
        for own, value in inputs.items():
            self._nodes.append(helper.make_node("Identity", [value.name], [f"{name}/{own}"]))
        self._nodes.extend(prefixed.node)
        self._constants.extend(prefixed.initializer)
        return [
            Value(
                self,
                output.name,
                helper.tensor_dtype_to_np_dtype(output.type.tensor_type.elem_type),
            )
            for output in prefixed.output
        ]

    def repeat(
        self, count: Value, value: Value, axes: Axes, step: Callable[[Value], Value]
    ) -> Value:
        """A value after a step was taken so often, of which each may change its shape.

        ``count``: () int64. ``axes``: of the value. ``step``: writes the step, within a
        graph of its own.
        """
        name = self._name("Loop")
        inner = GraphWriter(f"{name}/")
        inner.take(f"{name}/turn", np.int64, [])
        goes_on = inner.take(f"{name}/goes_on", np.bool_, [])
        before = inner.take(f"{name}/before", value.dtype, axes)
        inner.give(f"{name}/goes_on_after", goes_on, [])
        inner.give(f"{name}/after", step(before), axes)
        after = self.apply("Loop", count, None, value, body=inner.write(name), dtype=value.dtype)
        # Every side as it is: it is the rank that no runtime knows after a loop.
        return after.reshape(*[0] * len(axes))

    def choose(
        self,
        condition: Value,
        value: Value,
        axes: Axes,
        yes: Callable[[Value], Value],
        no: Callable[[Value], Value],
    ) -> Value:
        """One of two things done with a value; only that one is computed.

        ``condition``: () bool. ``axes``: of the result. ``yes``, ``no``: write what is done, each
        within a graph of its own.
        """
        name = self._name("If")
        branches = {}
        for branch, step in (("then", yes), ("else", no)):
            inner = GraphWriter(f"{name}/{branch}/")
            inner.give(f"{name}/{branch}/result", step(value.within(inner)), axes)
            branches[f"{branch}_branch"] = inner.write(f"{name}/{branch}")
        chosen = self.apply("If", condition, dtype=value.dtype, **branches)
        return chosen.reshape(*[0] * len(axes))

    def write(self, name: str) -> GraphProto:
        """The graph by itself."""
        return helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, initializer=self._constants
        )

    def build(self, name: str) -> ModelProto:
        """The graph as a model."""
        graph = self.write(name)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._prefix}{what}_{self._count}"


@dataclass(frozen=True, eq=False)
class Value:
    """An array that a graph will compute.

    Numbers that it is combined with become constants of its own type.
    """

    graph: GraphWriter
    name: str
    dtype: np.dtype[Any]

    def apply(
        self,
        operator: str,
        *others: Value | Number,
        dtype: DTypeLike | None = None,
        **attributes: Any,
    ) -> Value:
        """What an operator makes of this value and others."""
        inputs = (self._as_value(other) for other in others)
        return self.graph.apply(operator, self, *inputs, dtype=dtype, **attributes)

    def __add__(self, other: Value | Number) -> Value:
        return self.apply("Add", other)

    def __sub__(self, other: Value | Number) -> Value:
        return self.apply("Sub", other)

    def __mul__(self, other: Value | Number) -> Value:
        return self.apply("Mul", other)

    def __truediv__(self, other: Value | Number) -> Value:
        """A quotient; of whole numbers, without what is left."""
        return self.apply("Div", other)

    def __lt__(self, other: Value | Number) -> Value:
        return self.apply("Less", other, dtype=np.bool_)

    def __gt__(self, other: Value | Number) -> Value:
        return self.apply("Greater", other, dtype=np.bool_)

    def __ge__(self, other: Value | Number) -> Value:
        return self.apply("GreaterOrEqual", other, dtype=np.bool_)

    def __and__(self, other: Value) -> Value:
        return self.apply("And", other)

    def equals(self, other: Value | Number) -> Value:
        """Where they are the same."""
        return self.apply("Equal", other, dtype=np.bool_)

    def cast(self, dtype: DTypeLike) -> Value:
        """The same numbers in another type."""
        return self.apply("Cast", dtype=dtype, to=_onnx_type(dtype))

    def at_least(self, other: Value | Number) -> Value:
        """The larger one."""
        return self.apply("Max", other)

    def at_most(self, other: Value | Number) -> Value:
        """The smaller one."""
        return self.apply("Min", other)

    def where(self, yes: Value, no: Value) -> Value:
        """One or the other, by these truth values."""
        return self.graph.apply("Where", self, yes, no, dtype=yes.dtype)

    def side(self, axis: int) -> Value:
        """Length along an axis, (1,) int64."""
        return self.apply("Shape", dtype=np.int64, start=axis, end=axis + 1)

    def reshape(self, *sides: Value | int) -> Value:
        """The same numbers in another shape."""
        return self.graph.apply("Reshape", self, self._join_sides(sides))

    def pad_after(self, sides: Sequence[Value | int], *, mode: str) -> Value:
        """Longer by so much along each axis, at its end."""
        pads = self._join_sides([*[0] * len(sides), *sides])
        return self.graph.apply("Pad", self, pads, mode=mode)

    def crop(
        self, starts: Sequence[int], ends: Sequence[Value | int], *, axes: Sequence[int]
    ) -> Value:
        """From some indices to before others, along some axes."""
        bounds = (self._join_sides(numbers) for numbers in (starts, ends, axes))
        return self.graph.apply("Slice", self, *bounds)

    def look_up(self, index: Value, *, axis: int = 0) -> Value:
        """Elements along an axis by their indices."""
        return self.graph.apply("Gather", self, index, axis=axis)

    def reduce(self, operator: str, axis: int, *, keep: bool = False) -> Value:
        """Sum or extreme along an axis, by ``ReduceSum`` and the like."""
        axes = self.graph.constant([axis], np.int64)
        return self.graph.apply(operator, self, axes, keepdims=int(keep))

    def insert_axes(self, *axes: int) -> Value:
        """The same with axes of length 1 at these places."""
        places = self.graph.constant(axes, np.int64)
        return self.graph.apply("Unsqueeze", self, places)

    def squeeze(self, *axes: int) -> Value:
        """The same without these axes, whose length is 1."""
        return self.graph.apply("Squeeze", self, self.graph.constant(axes, np.int64))

    def within(self, graph: GraphWriter) -> Value:
        """The same, seen from a graph within its own."""
        return Value(graph, self.name, self.dtype)

    def _as_value(self, other: Value | Number) -> Value:
        return other if isinstance(other, Value) else self.graph.constant(other, self.dtype)

    def _join_sides(self, sides: Sequence[Value | int]) -> Value:
        """Sides as one array of whole numbers."""
        if all(isinstance(side, int) for side in sides):
            return self.graph.constant(sides, np.int64)
        return self.graph.join(
            self.graph.constant([side], np.int64) if isinstance(side, int) else side
            for side in sides
        )


def _onnx_type(dtype: DTypeLike) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
