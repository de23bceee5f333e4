"""ReleaseExporter: its artifact holds the release of Trainer's model, and says which."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorflow as tf
from tfx.types import Channel, standard_artifacts

from beam_jobs import cloud_storage, places
from components.release_exporter import ReleaseExporter
from components.release_exporter.executor import Executor
from components.release_exporter.settings import ReleaseSettings
from model.checkpoint import convert_checkpoint
from model.directory import read_manifest
from model.errors import CheckpointError, DataError
from model.examples import Utterance, encode
from model.export.release import check_files, read_release
from model.settings import to_json
from model.storage import sha256_of_files

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "group_post_norm"


def artifact(uri):
    result = standard_artifacts.Model()
    result.uri = str(uri)
    return result


def examples_artifact(uri):
    examples = standard_artifacts.Examples()
    examples.uri = str(uri)
    examples.split_names = '["train", "validation"]'
    return examples


SETTINGS = to_json(ReleaseSettings(name="tiny", onnx_opset=18, int8_utterances=2, min_int8_text_agreement=0.0))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A directory with a model, examples, and the release that was made of them; and the release's artifact."""
    root = tmp_path_factory.mktemp("exported")
    convert_checkpoint(GOLDEN, root / "model" / "model_directory")
    (root / "model" / "Format-Serving").mkdir()
    (root / "model" / "Format-Serving" / "saved_model.pb").write_bytes(b"not read")
    random = np.random.default_rng(0)
    split = root / "examples" / "Split-validation"
    split.mkdir(parents=True)
    # Those that have no frame do not count.
    for shard, lengths in enumerate([(4_000, 300), (4_000,), (4_000,)]):
        with tf.io.TFRecordWriter(str(split / f"data_tfrecord-0000{shard}-of-00003")) as writer:
            for index, length in enumerate(lengths):
                samples = random.integers(-9_000, 9_000, length, np.int16)
                writer.write(encode(Utterance(f"u{shard}-{index}", "s", "c", "F", "dev", 16_000, samples, "A")))
    release = artifact(root / "release")
    inputs = {"model": [artifact(root / "model")], "examples": [examples_artifact(root / "examples")]}
    Executor().Do(inputs, {"release": [release]}, {"settings": SETTINGS})
    return root, release


def test_the_model_directory_becomes_a_release(exported):
    root, release = exported
    described = read_release(root / "release")
    for format_ in ("saved_model", "onnx"):
        check_files(root / "release" / format_, described, format_, hashes=True)
    model_digest = read_manifest(root / "model" / "model_directory")["model_digest"]
    assert described.name == "tiny"
    assert described.model_digest == model_digest
    assert release.get_string_custom_property("model_digest") == model_digest
    assert release.get_string_custom_property("release_digest") == described.release_digest


def test_what_int8_changes_is_measured_on_the_validation_split(exported):
    model = onnx.load(exported[0] / "release" / "onnx" / "onnx" / "model_quantized.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["int8_utterances"] == "2"
    assert int(told["int8_same_texts"]) in range(3)
    assert json.loads(told["in_float32"]) == []


def test_at_addresses_it_is_the_same_and_no_more_is_read_than_needed(exported, bucket, monkeypatch):
    root, here = exported
    for name in ("model", "examples"):
        places.copy_tree(str(root / name), f"gs://speech/run/{name}")
    downloaded = []
    download = cloud_storage.download
    monkeypatch.setattr(cloud_storage, "download", lambda *pair: downloaded.append(pair[0]) or download(*pair))
    inputs = {"model": [artifact("gs://speech/run/model")], "examples": [examples_artifact("gs://speech/run/examples")]}
    there = artifact("gs://speech/run/release")
    Executor().Do(inputs, {"release": [there]}, {"settings": SETTINGS})
    assert [name.rpartition("/")[2] for name in downloaded if "/examples/" in name] == [
        "data_tfrecord-00000-of-00003", "data_tfrecord-00001-of-00003",
    ]  # fmt: skip
    assert not any("Format-Serving" in name for name in downloaded)
    found = {entry.path: places.sha256_of(f"{there.uri}/{entry.path}") for entry in places.list_tree(there.uri)}
    assert found == sha256_of_files(root / "release")
    for name in ("release_digest", "model_digest"):
        assert there.get_string_custom_property(name) == here.get_string_custom_property(name) != ""


def test_what_is_not_there_is_named_by_its_address(tmp_path, bucket):
    settings = {"settings": to_json(ReleaseSettings())}
    places.write_bytes("gs://speech/run/release/half", b"of a first try")
    release = artifact("gs://speech/run/release")
    with pytest.raises(CheckpointError, match=r"MANIFEST\.json, and gs://speech/run/model/model_directory does not"):
        Executor().Do({"model": [artifact("gs://speech/run/model")]}, {"release": [release]}, settings)
    inputs = {"model": [artifact(tmp_path)], "examples": [examples_artifact("gs://speech/run/examples")]}
    with pytest.raises(DataError, match="the split validation, and gs://speech/run/examples/Split-validation is not"):
        Executor().Do(inputs, {"release": [release]}, settings)
    assert places.list_tree("gs://speech/run") == []


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
