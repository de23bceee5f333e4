"""How the graph multiplies by a weight: in float32, or in int8."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np

from model.export.onnx_graph.builder import OnnxBuilder

Precision = Literal["float32", "int8"]

# Symmetric about the zero point.
_LARGEST_INT8, _ZERO_POINT = 127, 128
# A column of zeros has this scale, which is as good as any.
_SMALLEST_SCALE = 1e-12


class Products:
    """Weights by name, and the products with them.

    In int8, weights have one scale for each output channel. They are stored as unsigned numbers with a zero point:
    where a processor has no VNNI, onnxruntime's products of unsigned by signed numbers saturate. Activations are
    quantised to 8 bits when the graph runs, with one scale for a whole tensor (`DynamicQuantizeLinear`, then
    `MatMulInteger`). Runtimes fuse what follows.

    Args:
      graph: The graph that grows.
      weights: float32 arrays by the names of `Wav2Vec2Base.named_weights`.
      precision: Of the products; all else is float32 in either case.
      in_float32: Scopes whose products stay in float32.
    """

    def __init__(
        self,
        graph: OnnxBuilder,
        weights: Mapping[str, np.ndarray[Any, Any]],
        precision: Precision,
        in_float32: Collection[str] = (),
    ) -> None:
        self.graph = graph
        self.precision = precision
        self._weights = weights
        self._in_float32 = frozenset(in_float32)
        self._quantised: dict[str, tuple[str, str, str]] = {}

    def weight(self, name: str) -> np.ndarray[Any, Any]:
        """Returns a weight, float32."""
        return np.asarray(self._weights[name], np.float32)

    def has(self, name: str) -> bool:
        """Whether the model has a weight of that name."""
        return name in self._weights

    @property
    def is_quantised(self) -> bool:
        """Whether products are in int8 in the scope that is open."""
        return self.precision == "int8" and self.graph.path not in self._in_float32

    def dense(self, values: str, path: str) -> str:
        """Adds a dense layer over `[…, channels]`, with the `kernel` and `bias` of a path."""
        return self.product(values, self.weight(f"{path}/kernel"), self.weight(f"{path}/bias"))

    def product(self, values: str, kernel: np.ndarray[Any, Any], bias: np.ndarray[Any, Any] | None = None) -> str:
        """Adds the product of `[…, channels]` with a kernel `[channels, units]`, and the bias `[units]`, if any."""
        if self.is_quantised:
            return self.product_of_quantised(self.quantised(values), kernel, bias)
        return self._with_bias(self.graph.add("MatMul", values, self.graph.constant(kernel)), bias)

    def quantised(self, values: str) -> tuple[str, str, str]:
        """Adds the quantisation of a tensor, once; returns its uint8 values, their scale and their zero point."""
        if values not in self._quantised:
            tensor, scale, zero_point = self.graph.add_many("DynamicQuantizeLinear", 3, values)
            self._quantised[values] = tensor, scale, zero_point
        return self._quantised[values]

    def product_of_quantised(
        self, quantised: tuple[str, str, str], kernel: np.ndarray[Any, Any], bias: np.ndarray[Any, Any] | None
    ) -> str:
        """Adds the product of what `quantised` returned, perhaps rearranged since, with a kernel in int8."""
        tensor, scale, zero_point = quantised
        scales = np.maximum(np.abs(kernel).max(axis=0) / _LARGEST_INT8, _SMALLEST_SCALE).astype(np.float32)
        rounded = np.clip(np.rint(kernel / scales), -_LARGEST_INT8, _LARGEST_INT8)
        stored = (rounded + _ZERO_POINT).astype(np.uint8)
        graph = self.graph
        sums = graph.add(
            "MatMulInteger", tensor, graph.constant(stored), zero_point, graph.constant(_ZERO_POINT, np.uint8)
        )
        scaled = graph.add("Mul", graph.cast(sums, np.float32), graph.add("Mul", scale, graph.constant(scales)))
        return self._with_bias(scaled, bias)

    def layer_norm(self, values: str, path: str, epsilon: float) -> str:
        """Adds a layer norm over the last axis, with the `gamma` and `beta` of a path."""
        gamma, beta = (self.graph.constant(self.weight(f"{path}/{name}")) for name in ("gamma", "beta"))
        return self.graph.add("LayerNormalization", values, gamma, beta, axis=-1, epsilon=float(epsilon))

    def _with_bias(self, values: str, bias: np.ndarray[Any, Any] | None) -> str:
        return values if bias is None else self.graph.add("Add", values, self.graph.constant(bias))
