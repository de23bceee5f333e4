"""Every activation that a config.json can name, in ONNX, against PyTorch's."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from model.export.onnx_graph.activations import add_activation
from model.export.onnx_graph.builder import OnnxBuilder

GOLDEN = dict(np.load(Path(__file__).parents[3] / "golden" / "wav2vec2" / "activations.npz"))
NAMES = sorted(name.removeprefix("function:") for name in GOLDEN if name.startswith("function:"))


@pytest.mark.parametrize("name", NAMES)
def test_it_agrees_with_pytorch(name):
    graph = OnnxBuilder("activation", 17)
    values = graph.input("values", np.float32, ["length"])
    graph.output(add_activation(graph, name, values), "result", np.float32, ["length"])
    session = onnxruntime.InferenceSession(graph.finish({}).SerializeToString())
    (result,) = session.run(None, {"values": GOLDEN["values"].astype(np.float32)})
    np.testing.assert_allclose(np.asarray(result), GOLDEN[f"function:{name}"], rtol=1e-5, atol=1e-6)
