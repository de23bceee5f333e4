"""The canonical form: the same graph gives the same bytes, and computes the same."""

import random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.errors import ReleaseError
from model.export.onnx_graph import canonical

DIMENSIONS = {"x": ("batch", None), "y": ("batch", None)}


def graph(seed, weight=2.0):
    """`y = (a · w) + (b − w)` where a and b are the halves of x, with names and an order that depend on the seed."""
    numbers = random.Random(seed)

    def name(stem):
        return f"{stem}__{numbers.randrange(1000)}"

    a, b, product, difference = (name(stem) for stem in ("a", "b", "product", "difference"))
    weights = [name("w"), name("v")]
    sizes = name("sizes")
    nodes = [
        helper.make_node("Split", ["x", sizes], [a, b], name=name("m_1/net_1/Split"), axis=1),
        helper.make_node("Mul", [a, weights[0]], [product], name="m_1/net_1/layer_0_1/mul"),
        helper.make_node("Sub", [b, weights[1]], [difference], name="m_1/net_1/layer_1_1/sub"),
        helper.make_node("Add", [product, difference], ["y"], name=name("Add")),
        helper.make_node("Neg", [a], [name("unused")], name=name("Neg")),
    ]
    constants = [
        numpy_helper.from_array(np.array([weight], np.float32), weights[0]),
        numpy_helper.from_array(np.array([weight], np.float32), weights[1]),
        numpy_helper.from_array(np.array([1, 1], np.int64), sizes),
        numpy_helper.from_array(np.array([9], np.int64), name("unused")),
    ]
    head, tail = nodes[1:3], nodes[3:]
    for part in (head, tail, constants):
        numbers.shuffle(part)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [name("unk"), s]) for n, s in (("x", 2), ("y", 1))]
    return helper.make_model(
        helper.make_graph([nodes[0], *head, *tail], name("graph"), values[:1], values[1:], constants),
        opset_imports=[helper.make_opsetid("", 17)],
    )


def canonical_bytes(seed, weight=2.0):
    return canonical(graph(seed, weight), "net", DIMENSIONS, {"b": "2", "a": "1"}).SerializeToString(deterministic=True)


def test_the_bytes_depend_on_the_graph_alone():
    assert graph(1).SerializeToString() != graph(2).SerializeToString()
    assert len({canonical_bytes(seed) for seed in range(20)}) == 1
    assert canonical_bytes(0) != canonical_bytes(0, weight=2.5)


@pytest.mark.parametrize("kept", ["layer_0_1", "layer_1_1"])
def test_of_equal_casts_it_does_not_matter_which_was_kept(kept):
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], name=f"m_1/net_1/{kept}/Cast__7", to=TensorProto.FLOAT),
        helper.make_node("Neg", ["cast"], ["a"], name="m_1/net_1/layer_0_1/Neg"),
        helper.make_node("Abs", ["cast"], ["b"], name="m_1/net_1/layer_1_1/Abs"),
        helper.make_node("Add", ["a", "b"], ["y"], name="m_1/net_1/add"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["unk", 2]) for name in ("x", "y")]
    model = helper.make_model(
        helper.make_graph(nodes, "graph", values[:1], values[1:]), opset_imports=[helper.make_opsetid("", 17)]
    )
    names = [node.name for node in canonical(model, "net", DIMENSIONS, {}).graph.node]
    assert names == ["m/net/Cast_0", "m/net/layer_0/Neg_1", "m/net/layer_1/Abs_2", "m/net/Add_3"]


def test_it_computes_the_same():
    model = onnx.load_from_string(canonical_bytes(3))
    onnx.checker.check_model(model, full_check=True)
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString())
    result = session.run(["y"], {"x": np.array([[3, 5], [1, 0]], np.float32)})[0]
    assert result.tolist() == [[3 * 2 + 5 - 2], [1 * 2 + 0 - 2]]


def test_names_tell_the_layer_and_equal_constants_are_one():
    model = onnx.load_from_string(canonical_bytes(4))
    assert [node.name for node in model.graph.node] == [
        "m/net/Split_0", "m/net/layer_0/Mul_1", "m/net/layer_1/Sub_2", "Add_3"
    ]  # fmt: skip
    assert [constant.name for constant in model.graph.initializer] == [
        "m/net/Split_0/input_1",
        "m/net/layer_0/Mul_1/input_1",
    ]
    assert [list(node.output) for node in model.graph.node] == [
        ["m/net/Split_0", "m/net/Split_0:1"], ["m/net/layer_0/Mul_1"], ["m/net/layer_1/Sub_2"], ["y"]
    ]  # fmt: skip
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert model.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 1
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "1"), ("b", "2")]


def test_other_inputs_or_outputs_are_refused():
    with pytest.raises(ReleaseError, match="must be input_values, logits, not x, y"):
        canonical(graph(0), "net", {"input_values": (), "logits": ()}, {})
