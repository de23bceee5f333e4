"""The builder: names, constants and bytes that depend on the calls alone."""

import numpy as np
import onnx
import onnxruntime

from model.export.onnx_graph.builder import OnnxBuilder


def build(metadata):
    graph = OnnxBuilder("sum", 17)
    values = graph.input("values", np.float32, ["rows", 2])
    with graph.scope("outer"), graph.scope("inner"):
        first, second = graph.add_many("Split", 2, values, graph.integers(1, 1), axis=1)
        total = graph.add("Add", first, graph.add("Mul", second, graph.constant(2.0, np.float32)))
    total = graph.add("Add", total, graph.constant(2.0, np.float32))
    tail = graph.slice(graph.cast(total, np.float64), 0, graph.integers(1), graph.integers(5), 2)
    graph.output(tail, "result", np.float64, ["kept", 1])
    return graph.finish(metadata)


def test_the_graph_computes_what_was_added():
    model = build({})
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    (result,) = session.run(["result"], {"values": values})
    assert np.asarray(result).dtype == np.float64
    np.testing.assert_array_equal(np.asarray(result), [[2 + 2 * 3 + 2], [6 + 2 * 7 + 2]])


def test_names_tell_where_a_node_stands_and_constants_are_kept_once():
    model = build({})
    assert [node.name for node in model.graph.node] == [
        "outer/inner/Split_0", "outer/inner/Mul_1", "outer/inner/Add_2", "Add_3", "Cast_4", "Slice_5", "result"
    ]  # fmt: skip
    assert [constant.name for constant in model.graph.initializer] == [
        "outer/inner/constant_0", "outer/inner/constant_1", "constant_2", "constant_3", "constant_4", "constant_5"
    ]  # fmt: skip
    assert sum(onnx.numpy_helper.to_array(c).tolist() == 2.0 for c in model.graph.initializer) == 1


def test_numbers_of_other_types_or_shapes_are_other_constants():
    graph = OnnxBuilder("constants", 17)
    names = [graph.constant(value, dtype) for value, dtype in ((0, np.int64), (0, np.int32), ([0], np.int64))]
    assert len(set(names)) == 3
    assert graph.integers(0) == names[2]


def test_equal_calls_give_equal_bytes():
    one, two = (build(metadata) for metadata in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}))
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)
    assert [(entry.key, entry.value) for entry in one.metadata_props] == [("a", "1"), ("b", "2")]
