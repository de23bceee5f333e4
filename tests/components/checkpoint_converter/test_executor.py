"""CheckpointConverter writes the model directory where Trainer looks for it."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.checkpoint_converter.executor import Executor
from model import load_model
from model.errors import CheckpointError
from model.storage import sha256_of_file

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "group_post_norm"


def model_artifact(tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    return artifact


def test_the_model_directory_is_below_format_serving(tmp_path):
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, {"checkpoint": str(GOLDEN)})
    loaded = load_model(tmp_path / "model" / "Format-Serving")
    assert loaded.config.hidden_size == 24
    assert artifact.get_string_custom_property("model_digest") == loaded.digest
    assert artifact.get_string_custom_property("source_checkpoint") == "group_post_norm"
    assert artifact.get_string_custom_property("source_sha256") == sha256_of_file(GOLDEN / "model.safetensors")


def test_a_checkpoint_without_weights_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="must hold model.safetensors, and does not"):
        Executor().Do({}, {"model": [model_artifact(tmp_path)]}, {"checkpoint": str(tmp_path / "empty")})
