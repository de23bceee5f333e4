"""ReleaseExporter: its artifact holds the release of Trainer's model, and says which."""

import json
from pathlib import Path

import pytest
from tfx.types import Channel, standard_artifacts

from components.release_exporter import ReleaseExporter
from components.release_exporter.executor import Executor
from components.release_exporter.settings import ReleaseSettings
from model.checkpoint import convert_checkpoint
from model.directory import read_manifest
from model.errors import CheckpointError
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
    settings = to_json(ReleaseSettings(name="tiny", onnx_opset=16))
    Executor().Do({"model": [artifact(tmp_path / "model")]}, {"release": [release]}, {"settings": settings})
    described = read_release(tmp_path / "release")
    for format_ in ("saved_model", "onnx"):
        check_files(tmp_path / "release" / format_, described, format_, hashes=True)
    model_digest = read_manifest(tmp_path / "model" / "model_directory")["model_digest"]
    assert described.name == "tiny"
    assert described.model_digest == model_digest
    assert release.get_string_custom_property("model_digest") == model_digest
    assert release.get_string_custom_property("release_digest") == described.release_digest


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
        "name": "tiny", "onnx_opset": 17, "license": "mit", "language": "en"
    }  # fmt: skip
    assert len(properties["code_fingerprint"]) == 64
    assert component.outputs["release"].type is standard_artifacts.Model
