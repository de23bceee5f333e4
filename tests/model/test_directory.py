"""The model directory: whole, unchanged, or refused."""

from pathlib import Path

import pytest

from model import load_model
from model.checkpoint import convert_checkpoint
from model.directory import read_manifest, save_model
from model.errors import CheckpointError

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2" / "layer_pre_norm"


@pytest.fixture
def directory(tmp_path):
    convert_checkpoint(GOLDEN, tmp_path / "model")
    return tmp_path / "model"


def test_the_digest_is_that_of_the_content(directory, tmp_path):
    loaded = load_model(directory)
    save_model(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "copy")
    assert load_model(tmp_path / "copy").digest == loaded.digest
    head = loaded.model.named_weights()["lm_head/bias"]
    head.assign(head.numpy() + 1e-6)
    assert save_model(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "copy")["model_digest"] != (
        loaded.digest
    )


def test_the_files_are_those_that_the_manifest_names(directory):
    manifest = read_manifest(directory)
    assert set(manifest["files"]) == {
        "config.json", "conversion_report.json", "model.weights.h5", "preprocessor_config.json", "vocab.json",
    }  # fmt: skip
    assert {path.name for path in directory.iterdir()} == {*manifest["files"], "MANIFEST.json"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "vocab.json").unlink(), r"must hold vocab.json, and does not; copy it again"),
        (
            lambda d: (d / "vocab.json").write_text("{}"),
            r"vocab.json must be as it was written, and its sha256 has changed",
        ),
        (lambda d: (d / "MANIFEST.json").unlink(), r"must hold a whole MANIFEST.json, and .* does not"),
        (lambda d: (d / "MANIFEST.json").write_text("{"), r"must hold a whole MANIFEST.json"),
    ],
)
def test_a_directory_that_is_not_whole_is_refused(directory, spoil, message):
    spoil(directory)
    with pytest.raises(CheckpointError, match=message):
        load_model(directory)
