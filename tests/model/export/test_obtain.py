"""Whatever a person names as a model becomes a SavedModel that can be evaluated."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, ReleaseError, UsageError
from model.export import obtain
from model.export.build import export_release
from model.export.obtain import obtain_release
from model.export.release import read_release
from model.storage import write_json

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture
def published(release, tmp_path):
    """The release as the pushers lay it out: `<name>/<format>/<version>`, with `latest`."""
    root = tmp_path / "releases" / "golden"
    described = read_release(release)
    for format_ in ("saved_model", "onnx", "checkpoint"):
        shutil.copytree(release / format_, root / format_ / "3")
        told = {"format_version": 1, **vars(described), "format": format_, "version": 3}
        write_json(root / format_ / "3" / "RELEASE.json", told)
        (root / format_ / "latest").write_text("3\n")
    return root


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Exports a model in this process, which takes less time, and each with its padding once."""
    made = {}

    def export(model_directory, output, settings, formats, padding):
        key = (load_model(model_directory).digest, padding, tuple(formats))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("export") / "release"
            export_release(model_directory, made[key], settings, formats, padding)
        shutil.copytree(made[key], output)
        return read_release(output)

    return export


@pytest.fixture
def exported(exports, monkeypatch):
    """Notes what is to be exported."""
    asked = []

    def build(model_directory, output, settings, formats, padding):
        asked.append((Path(model_directory), formats, padding))
        return exports(model_directory, output, settings, formats, padding)

    monkeypatch.setattr(obtain, "build_release", build)
    return asked


def test_a_release_is_taken_as_it_is(release, tmp_path):
    found = obtain_release(str(release), tmp_path)
    described = read_release(release)
    assert (found.directory, found.kind) == (release, "release")
    assert (found.model_digest, found.release_digest) == (described.model_digest, described.release_digest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["", "saved_model", "saved_model/3", "onnx/3", "onnx"])
def test_a_published_version_is_found(published, tmp_path, named):
    found = obtain_release(str(published / named), tmp_path / "place")
    assert found.directory.samefile(published / "saved_model" / "3")
    assert found.release_digest == read_release(published / "saved_model" / "3").release_digest


def test_a_published_checkpoint_is_exported(published, tmp_path, exported):
    found = obtain_release(str(published / "checkpoint" / "3"), tmp_path / "place")
    assert (found.kind, found.release_digest) == ("release", "")
    assert exported == [(tmp_path / "place" / "model", ("saved_model",), "masked")]
    assert "transcribe" in tf.saved_model.load(str(found.directory / "saved_model")).signatures
    assert found.model_digest == read_release(published / "saved_model" / "3").model_digest


def test_where_padding_counts_the_checkpoint_is_exported_anew(release, published, tmp_path, exported):
    for number, source in enumerate((release, published, published / "saved_model" / "3")):
        found = obtain_release(str(source), tmp_path / str(number), "unmasked")
        assert found.directory == tmp_path / str(number) / "release-unmasked"
        assert (found.model_digest, found.release_digest) == (read_release(release).model_digest, "")
    assert {padding for _, _, padding in exported} == {"unmasked"}


def test_a_model_directory_is_exported(model_directories, loaded, tmp_path, exported):
    source = model_directories["group_post_norm"]
    found = obtain_release(str(source), tmp_path)
    assert exported == [(source, ("saved_model",), "masked")]
    assert (found.kind, found.model_digest) == ("model directory", loaded["group_post_norm"].digest)


def test_a_checkpoint_is_converted_once_and_exported(tmp_path, exported, monkeypatch):
    source = str(GOLDEN / "layer_pre_norm")
    first = obtain_release(source, tmp_path)
    monkeypatch.setattr("model.checkpoint.convert_checkpoint", None)
    second = obtain_release(source, tmp_path, "unmasked")
    assert (first.kind, second.kind) == ("checkpoint", "checkpoint")
    assert first.model_digest == second.model_digest
    assert first.directory != second.directory


def test_weights_that_have_changed_are_not_exported(published, tmp_path, exported):
    weights = published / "checkpoint" / "3" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    changed = r"model\.safetensors must be as it was exported, and its sha256 has"
    with pytest.raises(ReleaseError, match=changed):
        obtain_release(str(published / "checkpoint" / "3"), tmp_path / "place", "masked")
    with pytest.raises(ReleaseError, match=changed):
        obtain_release(str(published), tmp_path / "place", "unmasked")
    assert exported == []


def test_what_cannot_be_evaluated_is_said(release, published, tmp_path):
    with pytest.raises(UsageError, match="must be a directory or a file that exists, or hf://owner/name; .* does not"):
        obtain_release(str(tmp_path / "nowhere"), tmp_path / "place")
    with pytest.raises(UsageError, match="must be a directory, a file, or hf://owner/name, not 's3://x/y'"):
        obtain_release("s3://x/y", tmp_path / "place")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="must hold its weights, one of"):
        obtain_release(str(tmp_path / "empty"), tmp_path / "place")
    convert_checkpoint(GOLDEN / "headless", tmp_path / "backbone")
    with pytest.raises(UsageError, match="must write text, and .*backbone has no CTC head; fine-tune it first with"):
        obtain_release(str(tmp_path / "backbone"), tmp_path / "place")
    shutil.rmtree(published / "checkpoint")
    with pytest.raises(UsageError, match=r"must have its checkpoint at .*checkpoint/3, and has none; name a directory"):
        obtain_release(str(published / "saved_model"), tmp_path / "place", "unmasked")
    (published / "saved_model" / "3" / "assets" / "vocab.json").write_text("{}")
    with pytest.raises(ReleaseError, match=r"vocab\.json must have \d+ bytes, and has 2; copy"):
        obtain_release(str(published), tmp_path / "place")
    described = {"format_version": 1, **vars(read_release(release)), "head": "none"}
    (tmp_path / "headless").mkdir()
    write_json(tmp_path / "headless" / "RELEASE.json", {k: v for k, v in described.items() if k != "format"})
    with pytest.raises(UsageError, match="must write text, and .*headless is a backbone without a CTC head"):
        obtain_release(str(tmp_path / "headless"), tmp_path / "place")
