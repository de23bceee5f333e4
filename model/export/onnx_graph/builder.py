"""Writes an ONNX graph, node by node; equal calls give equal bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx


class OnnxBuilder:
    """A graph that grows by one node with each call.

    Tensors are named by the scope and the number of the node that gives them, and constants that are equal are one,
    so that the bytes depend on the calls alone.

    Args:
      name: The name of the graph.
      opset: The version of ONNX's operators.
    """

    def __init__(self, name: str, opset: int) -> None:
        self._model = onnx.ModelProto(ir_version=_IR_VERSION, producer_name="wav2vec2-tfx")
        self._model.opset_import.add(domain="", version=opset)
        self._model.graph.name = name
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._scopes: list[str] = []

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Nodes that are added inside carry this name before theirs."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    @property
    def path(self) -> str:
        """The names of the scopes that are open, from the outermost inwards, with strokes between them."""
        return "/".join(self._scopes)

    def input(self, name: str, dtype: Any, shape: Sequence[int | str]) -> str:
        """Adds an input; a dimension that is no number is a name. Returns its name."""
        self._model.graph.input.append(_value(name, dtype, shape))
        return name

    def output(self, tensor: str, name: str, dtype: Any, shape: Sequence[int | str]) -> None:
        """Makes a tensor an output of the graph, under another name."""
        self._model.graph.node.add(op_type="Identity", name=name, input=[tensor], output=[name])
        self._model.graph.output.append(_value(name, dtype, shape))

    def say_shape(self, tensor: str, dtype: Any, shape: Sequence[int | str]) -> str:
        """Notes the shape of a tensor in between, where a runtime cannot infer it; returns the tensor's name."""
        self._model.graph.value_info.append(_value(tensor, dtype, shape))
        return tensor

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Adds a constant, if there is none that equals it, and returns its name."""
        array = np.ascontiguousarray(value, dtype=dtype)
        # ascontiguousarray makes a vector of a number.
        array = array.reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._path(f"constant_{len(self._constants)}")
            self._model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """Returns the name of a constant int64 vector."""
        return self.constant(np.asarray(values, np.int64))

    def add(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output, and returns the output's name."""
        return self.add_many(op_type, 1, *inputs, **attributes)[0]

    def add_many(self, op_type: str, num_outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Adds a node, and returns the names of its outputs."""
        name = self._path(f"{op_type}_{len(self._model.graph.node)}")
        outputs = [name if number == 0 else f"{name}:{number}" for number in range(num_outputs)]
        self._model.graph.node.append(onnx.helper.make_node(op_type, inputs, outputs, name, **attributes))
        return outputs

    def slice(self, tensor: str, axis: int, start: str, end: str, step: int = 1) -> str:
        """Adds a slice of one axis; start and end are int64 `[1]`."""
        return self.add("Slice", tensor, start, end, self.integers(axis), self.integers(step))

    def cast(self, tensor: str, dtype: Any) -> str:
        """Adds a change of the type of numbers."""
        return self.add("Cast", tensor, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def finish(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Returns the model with these metadata properties."""
        onnx.helper.set_model_props(self._model, dict(sorted(metadata.items())))
        return self._model

    def _path(self, name: str) -> str:
        return f"{self.path}/{name}" if self._scopes else name


# The version of the file format of ONNX 1.12, which brought opset 17.
_IR_VERSION = 8


def _value(name: str, dtype: Any, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
