"""An ONNX graph in one canonical form, so that equal models are equal files.

What tf2onnx writes differs from one process to the next in the order of its nodes and in the numbers in its names,
although the graph is the same; a release digest would then change without any reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from model.errors import ReleaseError

# Keras numbers the calls of a layer: `wav2vec2_ctc_1/wav2vec2_1/encoder_1/layer_0_1/…`.
_CALL_NUMBER = re.compile(r"_\d+$")


def canonical(
    model: Any, name: str, dimensions: Mapping[str, Sequence[str | None]], metadata: Mapping[str, str]
) -> Any:
    """Returns a model with the same graph, whose bytes depend on the graph alone.

    Nodes stand in the order in which the outputs need them; constants that are equal become one; nodes, tensors and
    constants are named by the layer that they came from and by their place in that order.

    Args:
      model: An `onnx.ModelProto` without sub-graphs.
      name: The name of the graph.
      dimensions: The names of the dimensions of each input and output; None for one that has a fixed size.
      metadata: The metadata properties.

    Raises:
      ReleaseError: the graph has other inputs or outputs than `dimensions` names.
    """
    import onnx

    source = model.graph
    values = [*source.input, *source.output]
    if [value.name for value in values] != list(dimensions):
        raise ReleaseError(
            f"The inputs and outputs of the ONNX graph must be {', '.join(dimensions)}, not"
            f" {', '.join(value.name for value in values)}."
        )
    result = onnx.ModelProto(
        ir_version=model.ir_version,
        opset_import=model.opset_import,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
    )
    graph = result.graph
    graph.name = name
    _copy_nodes(source, graph)
    for target, originals in ((graph.input, source.input), (graph.output, source.output)):
        for original in originals:
            value = target.add()
            value.CopyFrom(original)
            sizes = value.type.tensor_type.shape.dim
            for size, dimension in zip(sizes, dimensions[original.name], strict=True):
                if dimension is not None:
                    size.dim_param = dimension
    onnx.helper.set_model_props(result, dict(sorted(metadata.items())))
    return result


def _copy_nodes(source: Any, graph: Any) -> None:
    """Fills `graph` with the nodes and constants of `source` that its outputs need."""
    producers = {output: node for node in source.node for output in node.output}
    constants = {constant.name: constant for constant in source.initializer}
    renamed = {value.name: value.name for value in (*source.input, *source.output)}
    renamed[""] = ""
    constant_names: dict[bytes, str] = {}
    ordered = _in_order_of_need(source, producers)
    needed_by: dict[str, list[str]] = {}
    for node in ordered:
        for tensor in node.input:
            needed_by.setdefault(tensor, []).append(_scope(node.name))
    for node in ordered:
        scope = _scope(node.name)
        if node.op_type == "Cast":
            # Each reshape gets a cast of its own, and of those that are equal tf2onnx keeps any: its name says nothing.
            scope = _common_scope(needed_by.get(node.output[0], [scope]))
        copy = graph.node.add()
        copy.CopyFrom(node)
        copy.ClearField("doc_string")
        copy.name = f"{scope}{node.op_type}_{len(graph.node) - 1}"
        for position, tensor in enumerate(node.input):
            if tensor in constants and tensor not in renamed:
                content = _content(constants[tensor])
                if content not in constant_names:
                    constant_names[content] = f"{copy.name}/input_{position}"
                    constant = graph.initializer.add()
                    constant.CopyFrom(constants[tensor])
                    constant.name = constant_names[content]
                renamed[tensor] = constant_names[content]
            copy.input[position] = renamed[tensor]
        for position, tensor in enumerate(node.output):
            renamed.setdefault(tensor, copy.name if position == 0 else f"{copy.name}:{position}")
            copy.output[position] = renamed[tensor]


def _in_order_of_need(source: Any, producers: Mapping[str, Any]) -> list[Any]:
    """Depth first from the outputs, inputs before the node that needs them; a stack, because graphs are deep."""
    ordered: list[Any] = []
    done: set[str] = set()
    stack = [(output.name, False) for output in reversed(source.output)]
    while stack:
        tensor, inputs_are_done = stack.pop()
        node = producers.get(tensor)
        if node is None or node.output[0] in done:
            continue
        if inputs_are_done:
            done.add(node.output[0])
            ordered.append(node)
        else:
            stack.append((tensor, True))
            stack.extend((name, False) for name in reversed(node.input))
    return ordered


def _content(constant: Any) -> bytes:
    """The hash of a constant's type, shape and values."""
    twin = type(constant)()
    twin.CopyFrom(constant)
    twin.ClearField("name")
    twin.ClearField("doc_string")
    return hashlib.sha256(twin.SerializeToString(deterministic=True)).digest()


def _common_scope(scopes: Sequence[str]) -> str:
    """`encoder/layer_0/attention/`, `encoder/layer_1/attention/` → `encoder/`."""
    common: list[str] = []
    for layers in zip(*(scope.split("/")[:-1] for scope in scopes), strict=False):
        if len(set(layers)) > 1:
            break
        common.append(layers[0])
    return "".join(f"{layer}/" for layer in common)


def _scope(node_name: str) -> str:
    """`wav2vec2_ctc_1/wav2vec2_1/encoder_1/layer_0_1/attention_1/MatMul` → `encoder/layer_0/attention/`."""
    layers = [_CALL_NUMBER.sub("", part) for part in node_name.split("/")[:-1]]
    known = [layer for layer in layers if layer not in ("wav2vec2_ctc", "wav2vec2_headless", "wav2vec2")]
    return "".join(f"{layer}/" for layer in known)
