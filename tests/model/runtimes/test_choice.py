"""Which runtime is taken: the fastest that is there, or the one that is asked for, or a sentence."""

import pytest

from model.errors import UsageError
from model.runtimes import RuntimeChoice, choice, choose_runtime

FLOAT32 = RuntimeChoice("onnxruntime", "float32", "onnx/model.onnx")
INT8 = RuntimeChoice("onnxruntime", "int8", "onnx/model_quantized.onnx")
BFLOAT16 = RuntimeChoice("openvino", "bfloat16", "onnx/model.onnx")


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A release, a processor and what is installed."""

    def make(quantized=True, openvino=True, bfloat16=True, size_bytes=100_000_000):
        (tmp_path / "onnx").mkdir()
        with open(tmp_path / "onnx" / "model.onnx", "wb") as file:
            file.truncate(size_bytes)
        if quantized:
            (tmp_path / "onnx" / "model_quantized.onnx").touch()
        monkeypatch.setattr(choice, "_has_openvino", lambda: openvino)
        monkeypatch.setattr(choice, "has_bfloat16", lambda: bfloat16)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("has", "asked", "chosen"),
    [
        ({}, {}, BFLOAT16),
        ({"openvino": False}, {}, INT8),
        ({"bfloat16": False}, {}, INT8),
        ({"size_bytes": 5_000_000}, {}, INT8),
        ({"quantized": False, "openvino": False}, {}, FLOAT32),
        ({}, {"runtime": "onnxruntime"}, INT8),
        ({"quantized": False}, {"runtime": "onnxruntime"}, FLOAT32),
        ({}, {"runtime": "openvino"}, BFLOAT16),
        ({"size_bytes": 5_000_000}, {"runtime": "openvino"}, BFLOAT16),
        ({"bfloat16": False}, {"runtime": "openvino"}, RuntimeChoice("openvino", "float32")),
        ({}, {"precision": "float32"}, FLOAT32),
        ({}, {"precision": "int8"}, INT8),
        ({}, {"precision": "bfloat16"}, BFLOAT16),
        ({}, {"runtime": "openvino", "precision": "float32"}, RuntimeChoice("openvino", "float32")),
    ],
)
def test_what_is_taken(there, has, asked, chosen):
    assert choose_runtime(there(**has), **asked) == chosen


@pytest.mark.parametrize(
    ("has", "asked", "message"),
    [
        (
            {"openvino": False},
            {"runtime": "openvino"},
            r"--runtime openvino needs OpenVINO, which is not installed; run pip install 'wav2vec2-tfx\[openvino\]'",
        ),
        ({"openvino": False}, {"precision": "bfloat16"}, "--precision bfloat16 needs OpenVINO, which is not installed"),
        ({"bfloat16": False}, {"precision": "bfloat16"}, "needs a processor that multiplies bfloat16"),
        ({"quantized": False}, {"precision": "int8"}, r"int8 needs onnx/model_quantized\.onnx, and .* holds none"),
        ({}, {"runtime": "openvino", "precision": "int8"}, "int8 must be run by onnxruntime, not by OpenVINO"),
        ({}, {"runtime": "onnxruntime", "precision": "bfloat16"}, "bfloat16 must be run by OpenVINO, not by"),
        ({}, {"runtime": "tensorrt"}, "--runtime must be one of auto, onnxruntime, openvino, not 'tensorrt'"),
        ({}, {"precision": "int4"}, "--precision must be one of auto, float32, int8, bfloat16, not 'int4'"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_sentence(there, has, asked, message):
    with pytest.raises(UsageError, match=message):
        choose_runtime(there(**has), **asked)


def test_a_choice_is_told_in_words():
    assert str(BFLOAT16) == "OpenVINO in bfloat16"
    assert str(INT8) == "onnxruntime in int8"
