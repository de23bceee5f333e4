"""A release in every runtime: the same logits, and a sentence for what is no model."""

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import ReleaseError
from model.export.onnx_model import export_onnx
from model.runtimes import RuntimeChoice, open_fastest, open_model

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
ONNXRUNTIME = RuntimeChoice()
FLOAT32 = RuntimeChoice("openvino", "float32")
BFLOAT16 = RuntimeChoice("openvino", "bfloat16")


@pytest.fixture(scope="module", params=["group_post_norm", "layer_pre_norm"])
def exported(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    convert_checkpoint(GOLDEN / request.param, root / "model")
    loaded = load_model(root / "model")
    export_onnx(loaded, root / "onnx")
    return loaded, root / "onnx"


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(3).standard_normal((2, 12_345)).astype(np.float32)


@pytest.mark.parametrize("choice", [ONNXRUNTIME, FLOAT32])
def test_the_logits_are_those_of_the_keras_model(exported, values, choice):
    loaded, directory = exported
    expected = loaded.model(values)[0].numpy()
    model = open_model(directory, choice, "logits", num_threads=2)
    assert model.width == 32
    given = model.run(values)
    assert (given.dtype, given.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(given, expected, atol=1e-4)
    # What was given stays as it is when the model is run again, with another length.
    kept = given.copy()
    np.testing.assert_allclose(model.run(values[:1, :9_000]), loaded.model(values[:1, :9_000])[0], atol=1e-4)
    np.testing.assert_array_equal(given, kept)


def test_bfloat16_is_near(exported, values):
    """These weights are random, and noise in them grows; where the processor has no bfloat16, it is float32."""
    loaded, directory = exported
    expected = loaded.model(values)[0].numpy()
    given = open_model(directory, BFLOAT16, "logits").run(values)
    assert np.corrcoef(given.ravel(), expected.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("precision", "utterances", "expected"),
    [("auto", "12", "int8"), ("auto", "0", "float32"), ("auto", None, "float32"), ("int8", "0", "int8")],
)
def test_int8_that_nobody_has_measured_must_be_asked_for(exported, tmp_path, values, precision, utterances, expected):
    loaded, directory = exported
    shutil.copytree(directory, tmp_path / "onnx")
    path = tmp_path / "onnx" / "onnx" / "model_quantized.onnx"
    file = onnx.load(path)
    metadata = {one.key: one.value for one in file.metadata_props if one.key != "int8_utterances"}
    onnx.helper.set_model_props(file, metadata if utterances is None else {**metadata, "int8_utterances": utterances})
    onnx.save(file, path)
    choice, model = open_fastest(tmp_path / "onnx", "logits", 2, "onnxruntime", precision)
    assert (choice.runtime, choice.precision) == ("onnxruntime", expected)
    difference = np.abs(model.run(values) - loaded.model(values)[0].numpy()).max()
    assert (difference > 1e-4) == (expected == "int8")


@pytest.mark.parametrize("choice", [ONNXRUNTIME, FLOAT32])
def test_what_is_no_model_is_refused(tmp_path, choice):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ReleaseError, match=r"model\.onnx must be a whole ONNX model: .*; copy it again\."):
        open_model(tmp_path, choice, "logits")


@pytest.mark.parametrize("choice", [ONNXRUNTIME, FLOAT32])
def test_a_model_of_another_kind_is_refused(exported, choice):
    message = r"model\.onnx must have the input input_values and the output hidden, not input_values, logits\."
    with pytest.raises(ReleaseError, match=message):
        open_model(exported[1], choice, "hidden")


def test_onnxruntime_is_told_to_tell_nobody(exported, monkeypatch):
    _, directory = exported
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    open_model(directory, ONNXRUNTIME, "logits")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
