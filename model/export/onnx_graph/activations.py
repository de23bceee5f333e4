"""The activation functions that a published `config.json` can name, in ONNX's operators."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from model.config import Activation
from model.export.onnx_graph.builder import OnnxBuilder

_Function = Callable[[OnnxBuilder, str], str]


def add_activation(graph: OnnxBuilder, name: Activation, values: str) -> str:
    """Adds the activation that `model.layers.activation` computes, and returns its output."""
    return _BY_NAME[name](graph, values)


def _number(graph: OnnxBuilder, value: float) -> str:
    return graph.constant(value, np.float32)


def _scaled_by_half(graph: OnnxBuilder, values: str, share: str) -> str:
    """Returns `values · (1 + share) / 2`, in the order in which the runtimes know a GELU by its nodes."""
    product = graph.add("Mul", values, graph.add("Add", share, _number(graph, 1.0)))
    return graph.add("Mul", product, _number(graph, 0.5))


def _gelu(graph: OnnxBuilder, values: str) -> str:
    return _scaled_by_half(graph, values, graph.add("Erf", graph.add("Div", values, _number(graph, math.sqrt(2.0)))))


def _gelu_by_tanh(graph: OnnxBuilder, values: str) -> str:
    cube = graph.add("Mul", graph.add("Mul", values, graph.add("Mul", values, values)), _number(graph, 0.044715))
    inner = graph.add("Mul", graph.add("Add", values, cube), _number(graph, math.sqrt(2.0 / math.pi)))
    return _scaled_by_half(graph, values, graph.add("Tanh", inner))


def _gelu_10(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Clip", _gelu(graph, values), _number(graph, -10.0), _number(graph, 10.0))


def _hard_silu(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Mul", values, graph.add("HardSigmoid", values, alpha=1.0 / 6.0, beta=0.5))


def _laplace(graph: OnnxBuilder, values: str) -> str:
    shifted = graph.add("Sub", values, _number(graph, 0.707107))
    erf = graph.add("Erf", graph.add("Div", shifted, _number(graph, 0.282095 * math.sqrt(2.0))))
    return graph.add("Mul", graph.add("Add", erf, _number(graph, 1.0)), _number(graph, 0.5))


def _leaky_relu(graph: OnnxBuilder, values: str) -> str:
    return graph.add("LeakyRelu", values, alpha=0.01)


def _linear(graph: OnnxBuilder, values: str) -> str:
    del graph
    return values


def _mish(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Mul", values, graph.add("Tanh", graph.add("Softplus", values)))


def _quick_gelu(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Mul", values, graph.add("Sigmoid", graph.add("Mul", values, _number(graph, 1.702))))


def _relu(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Relu", values)


def _relu2(graph: OnnxBuilder, values: str) -> str:
    positive = graph.add("Relu", values)
    return graph.add("Mul", positive, positive)


def _relu6(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Clip", values, _number(graph, 0.0), _number(graph, 6.0))


def _sigmoid(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Sigmoid", values)


def _silu(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Mul", values, graph.add("Sigmoid", values))


def _sqrtsoftplus(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Sqrt", graph.add("Softplus", values))


def _tanh(graph: OnnxBuilder, values: str) -> str:
    return graph.add("Tanh", values)


_BY_NAME: dict[Activation, _Function] = {
    "gelu": _gelu,
    "gelu_10": _gelu_10,
    "gelu_accurate": _gelu_by_tanh,
    "gelu_fast": _gelu_by_tanh,
    "gelu_new": _gelu_by_tanh,
    "gelu_python": _gelu,
    "gelu_python_tanh": _gelu_by_tanh,
    "gelu_pytorch_tanh": _gelu_by_tanh,
    "hardswish": _hard_silu,
    "laplace": _laplace,
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "mish": _mish,
    "quick_gelu": _quick_gelu,
    "relu": _relu,
    "relu2": _relu2,
    "relu6": _relu6,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "sqrtsoftplus": _sqrtsoftplus,
    "swish": _silu,
    "tanh": _tanh,
}
