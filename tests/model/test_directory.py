"""The model directory: whole, unchanged, or refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint
from model.directory import model_digest, read_manifest, save_model
from model.errors import CheckpointError
from model.storage import sha256_of_file
from model.text import Vocabulary

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2"


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    root = tmp_path_factory.mktemp("converted")
    for variant in ("layer_pre_norm", "headless"):
        convert_checkpoint(GOLDEN / variant, root / variant)
    return root


@pytest.fixture
def directory(converted, tmp_path):
    shutil.copytree(converted / "layer_pre_norm", tmp_path / "model")
    return tmp_path / "model"


def rewrite(name, content):
    """Changes a file and puts it right in the manifest: not damaged, but written by somebody else."""

    def change(directory):
        (directory / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        manifest = json.loads((directory / "MANIFEST.json").read_text())
        manifest["files"][name] = sha256_of_file(directory / name)
        (directory / "MANIFEST.json").write_text(json.dumps(manifest))

    return change


def in_manifest(**fields):
    def change(directory):
        manifest = json.loads((directory / "MANIFEST.json").read_text()) | fields
        kept = {name: value for name, value in manifest.items() if value != "gone"}
        (directory / "MANIFEST.json").write_text(json.dumps(kept))

    return change


def test_the_digest_is_that_of_the_content(directory, tmp_path):
    loaded = load_model(directory)
    save_model(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "copy")
    assert load_model(tmp_path / "copy").digest == loaded.digest
    head = loaded.model.named_weights()["lm_head/bias"]
    head.assign(head.numpy() + 1e-6)
    assert save_model(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "copy")["model_digest"] != (
        loaded.digest
    )


def test_the_digest_knows_weights_configuration_and_vocabulary(directory):
    loaded = load_model(directory)
    digest = model_digest(loaded.model, loaded.vocabulary)
    assert digest == loaded.digest
    tokens = list(loaded.vocabulary.tokens)
    tokens[5], tokens[6] = tokens[6], tokens[5]
    assert model_digest(loaded.model, Vocabulary(tuple(tokens))) != digest
    assert model_digest(loaded.model, None) != digest
    # Random state is no weight: a model that was used has the digest that it had.
    loaded.model.reseed(7)
    loaded.model(np.zeros((1, 800), np.float32), training=True)
    assert model_digest(loaded.model, loaded.vocabulary) == digest
    beta = loaded.model.named_weights()["wav2vec2/encoder/layer_norm/beta"]
    beta.assign(np.nextafter(beta.numpy(), 1, dtype=np.float32))
    assert model_digest(loaded.model, loaded.vocabulary) != digest


def test_equal_models_have_equal_descriptions(directory, converted, tmp_path):
    convert_checkpoint(GOLDEN / "layer_pre_norm", tmp_path / "again")
    files = read_manifest(directory)["files"]
    # Keras writes the names of dropout layers with the weights, and counts them on from model to model.
    del files["model.weights.h5"]
    for name, sha256 in files.items():
        assert sha256_of_file(tmp_path / "again" / name) == sha256, name


def test_a_model_without_a_head_needs_no_vocabulary(converted):
    loaded = load_model(converted / "headless")
    assert loaded.tokens is None
    assert loaded.manifest["head"] == loaded.model.head == "none"
    with pytest.raises(CheckpointError, match="must have a CTC head, with a vocabulary, and has none"):
        _ = loaded.vocabulary


def test_manifests_from_before_heads_were_named_are_of_ctc(directory):
    in_manifest(head="gone")(directory)
    assert load_model(directory).model.head == "ctc"


def test_a_directory_that_cannot_be_written_leaves_the_one_before(directory, monkeypatch):
    loaded = load_model(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}

    def fail(*_):
        raise RuntimeError("no power")

    monkeypatch.setattr(type(loaded.model), "save_weights", fail)
    with pytest.raises(RuntimeError, match="no power"):
        save_model(loaded.model, loaded.vocabulary, {}, directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in directory.parent.iterdir()] == ["model"]


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
        (lambda d: (d / "MANIFEST.json").write_text("[]"), r"must hold a whole MANIFEST.json"),
        (lambda d: (d / "MANIFEST.json").write_text("[" * 100_000), r"must hold a whole MANIFEST.json"),
        (in_manifest(files=[]), r"must hold a whole MANIFEST.json, .*'model.weights.h5'"),
        (in_manifest(files="abc"), r"must hold a whole MANIFEST.json"),
        (in_manifest(files=None), r"must hold a whole MANIFEST.json"),
        (in_manifest(model_digest="gone"), r"must hold a whole MANIFEST.json, .*'model_digest'"),
        (in_manifest(head="classifier"), r"must name the head 'ctc', 'pretraining' or 'none', not 'classifier'"),
        (in_manifest(head=["ctc"]), r"must name the head 'ctc', 'pretraining' or 'none', not \['ctc'\]"),
        (in_manifest(head="pretraining"), r"model.weights.h5 must hold the weights of the architecture"),
        (rewrite("preprocessor_config.json", b"{"), r"preprocessor_config.json must be a JSON object"),
        (rewrite("preprocessor_config.json", [1]), r"preprocessor_config.json must hold a JSON object, not list"),
        (rewrite("config.json", {"model_type": "wavlm"}), r"config.json must have model_type 'wav2vec2' or 'hubert'"),
        (rewrite("config.json", []), r"config.json must hold a JSON object, not list"),
        (rewrite("vocab.json", {"a": 0}), r"must hold the token '<pad>'"),
        (rewrite("model.weights.h5", b"\x89HDF"), r"model.weights.h5 must hold the weights of the architecture"),
        (lambda d: (d / "model.weights.h5").unlink(), r"must hold model.weights.h5, and does not; copy it again"),
        (shutil.rmtree, r"must hold a whole MANIFEST.json, and .* does not"),
    ],
)
def test_a_directory_that_is_not_whole_is_refused(directory, spoil, message):
    spoil(directory)
    with pytest.raises(CheckpointError, match=message):
        load_model(directory)
