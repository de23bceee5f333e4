"""ReleaseExporter: its artifact holds the release of Trainer's model, and says which."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from tfx.types import Channel, standard_artifacts

from components.release_exporter import ReleaseExporter
from components.release_exporter.executor import Executor
from components.release_exporter.settings import ReleaseSettings
from model.checkpoint import convert_checkpoint
from model.directory import read_manifest
from model.errors import CheckpointError
from model.examples import Utterance, encode
from model.export.release import check_files, read_release
from model.settings import to_json

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "group_post_norm"


def artifact(uri):
    result = standard_artifacts.Model()
    result.uri = str(uri)
    return result


def test_the_model_directory_becomes_a_release(tmp_path):
    convert_checkpoint(GOLDEN, tmp_path / "model" / "model_directory")
    release = artifact(tmp_path / "release")
    settings = to_json(ReleaseSettings(name="tiny", onnx_opset=18))
    Executor().Do({"model": [artifact(tmp_path / "model")]}, {"release": [release]}, {"settings": settings})
    described = read_release(tmp_path / "release")
    for format_ in ("saved_model", "onnx"):
        check_files(tmp_path / "release" / format_, described, format_, hashes=True)
    model_digest = read_manifest(tmp_path / "model" / "model_directory")["model_digest"]
    assert described.name == "tiny"
    assert described.model_digest == model_digest
    assert release.get_string_custom_property("model_digest") == model_digest
    assert release.get_string_custom_property("release_digest") == described.release_digest


def test_what_int8_changes_is_measured_on_the_validation_split(tmp_path):
    import tensorflow as tf

    convert_checkpoint(GOLDEN, tmp_path / "model" / "model_directory")
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    examples.split_names = '["train", "validation"]'
    random = np.random.default_rng(0)
    (tmp_path / "examples" / "Split-validation").mkdir(parents=True)
    shard = tmp_path / "examples" / "Split-validation" / "data_tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for index in range(3):
            samples = random.integers(-9_000, 9_000, 4_000, np.int16)
            writer.write(encode(Utterance(f"u{index}", "s", "c", "F", "dev", 16_000, samples, "A")))
    settings = to_json(ReleaseSettings(name="tiny", int8_utterances=2, min_int8_text_agreement=0.0))
    inputs = {"model": [artifact(tmp_path / "model")], "examples": [examples]}
    Executor().Do(inputs, {"release": [artifact(tmp_path / "release")]}, {"settings": settings})
    model = onnx.load(tmp_path / "release" / "onnx" / "onnx" / "model_quantized.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["int8_utterances"] == "2"
    assert int(told["int8_same_texts"]) in range(3)
    assert json.loads(told["in_float32"]) == []


def test_a_model_without_a_model_directory_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"must hold a whole MANIFEST\.json, and .*model_directory does not"):
        Executor().Do(
            {"model": [artifact(tmp_path)]}, {"release": [artifact(tmp_path / "release")]},
            {"settings": to_json(ReleaseSettings())},
        )  # fmt: skip


def test_the_component_carries_settings_and_a_fingerprint_of_its_code():
    component = ReleaseExporter(
        model=Channel(type=standard_artifacts.Model), settings=ReleaseSettings(name="tiny", license="mit")
    )
    properties = component.spec.exec_properties
    assert json.loads(properties["settings"]) == {
        "name": "tiny", "onnx_opset": 17, "license": "mit", "language": "en",
        "int8_utterances": 128, "min_int8_text_agreement": 0.995,
    }  # fmt: skip
    assert len(properties["code_fingerprint"]) == 64
    assert component.outputs["release"].type is standard_artifacts.Model
