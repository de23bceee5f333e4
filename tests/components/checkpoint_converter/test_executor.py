"""CheckpointConverter writes the model directory where Trainer looks for it."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from beam_jobs import places
from components.checkpoint_converter.executor import Executor
from model import load_model
from model.alphabet import Alphabet
from model.errors import CheckpointError
from model.pretrained import TINY
from model.storage import sha256_of_file, sha256_of_files
from model.text import librispeech_vocabulary
from tests.fake_hub import COMMIT

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "group_post_norm"


def model_artifact(tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    return artifact


def test_the_model_directory_is_below_format_serving(tmp_path):
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, properties(GOLDEN))
    loaded = load_model(tmp_path / "model" / "Format-Serving")
    assert loaded.config.hidden_size == 16
    assert artifact.get_string_custom_property("model_digest") == loaded.digest
    assert artifact.get_string_custom_property("head") == "ctc"
    report = json.loads(artifact.get_string_custom_property("conversion_report"))
    assert report == json.loads((tmp_path / "model" / "Format-Serving" / "conversion_report.json").read_text())
    assert {row["variable"] for row in report["tensors"]} == set(loaded.model.named_weights())
    assert artifact.get_string_custom_property("source_checkpoint") == "group_post_norm"
    assert artifact.get_string_custom_property("source_sha256") == sha256_of_file(GOLDEN / "model.safetensors")


def test_at_an_address_lies_what_lies_in_a_directory(tmp_path, bucket):
    places.write_bytes("gs://speech/run/model/Format-Serving/half", b"of a first try")
    here, there = model_artifact(tmp_path), standard_artifacts.Model()
    there.uri = "gs://speech/run/model"
    for artifact in (here, there):
        Executor().Do({}, {"model": [artifact]}, properties(GOLDEN))
    found = {entry.path: places.sha256_of(f"{there.uri}/{entry.path}") for entry in places.list_tree(there.uri)}
    assert found == sha256_of_files(tmp_path / "model")
    assert "Format-Serving/MANIFEST.json" in found
    assert there.get_string_custom_property("model_digest") == here.get_string_custom_property("model_digest")
    with pytest.raises(CheckpointError, match="Pre-training must start from"):
        Executor().Do({}, {"model": [there]}, properties(GOLDEN, head="pretraining"))
    assert places.list_tree(there.uri) == []


def test_tiny_is_the_checkpoint_that_comes_with_the_code_that_converts_it(tmp_path):
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, properties("tiny"))
    assert artifact.get_string_custom_property("source_checkpoint") == TINY.name
    assert artifact.get_string_custom_property("source_sha256") == sha256_of_file(TINY / "model.safetensors")


def test_a_checkpoint_without_weights_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"must hold its weights, one of model.safetensors, .* and does not"):
        Executor().Do({}, {"model": [model_artifact(tmp_path)]}, properties(tmp_path / "empty"))


def test_the_model_must_give_the_reference_activations(tmp_path):
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, properties(GOLDEN, activations=str(GOLDEN / "reference.npz")))
    parity = json.loads(artifact.get_string_custom_property("conversion_report"))["parity"]
    assert parity["modules"] == 40
    assert parity["max_absolute"] < 1e-5
    other = str(GOLDEN.parent / "group_pre_norm" / "reference.npz")
    with pytest.raises(CheckpointError, match="must give the activations in .*group_pre_norm"):
        Executor().Do({}, {"model": [artifact]}, properties(GOLDEN, activations=other))


def properties(checkpoint, **values):
    vocabulary = json.dumps(librispeech_vocabulary().to_mapping()) if values.get("head", "ctc") == "ctc" else "{}"
    given = {"checkpoint": str(checkpoint), "language": "", "activations": "", "architecture": "", "head": "ctc"}
    return {**given, "vocabulary": vocabulary, "seed": 20, "new_head": 0, **values}


def test_a_checkpoint_of_the_hub_is_recorded_with_its_commit(hub, tmp_path):
    hub.files = {path.name: path.read_bytes() for path in GOLDEN.iterdir() if path.suffix != ".npz"}
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, properties("hf://someone/speech@main"))
    source = json.loads(artifact.get_string_custom_property("conversion_report"))["source"]
    weights = sha256_of_file(GOLDEN / "model.safetensors")
    assert source == {
        "name": "hf://someone/speech", "revision": COMMIT, "layout": "huggingface", "sha256": weights,
        "files": {"model.safetensors": weights},
    }  # fmt: skip
    assert artifact.get_string_custom_property("source_revision") == COMMIT
    manifest = json.loads((tmp_path / "model" / "Format-Serving" / "MANIFEST.json").read_text())
    assert manifest["source_checkpoint"] == source


def test_a_new_head_takes_the_place_of_one_that_spells_another_language(tmp_path):
    artifact, vocabulary = model_artifact(tmp_path), Alphabet("αβγ").vocabulary()
    given = properties("tiny", vocabulary=json.dumps(vocabulary.to_mapping(), ensure_ascii=False), new_head=1)
    Executor().Do({}, {"model": [artifact]}, given)
    assert load_model(tmp_path / "model" / "Format-Serving").vocabulary == vocabulary
    assert artifact.get_string_custom_property("head") == "ctc"


@pytest.mark.parametrize("head", ["ctc", "pretraining"])
def test_random_weights_are_those_of_the_seed(head, tmp_path):
    artifact = model_artifact(tmp_path)
    (tmp_path / "config.json").write_text((GOLDEN.parent / "pretraining" / "config.json").read_text())
    given = properties("random", architecture=str(tmp_path / "config.json"), head=head)
    digests = []
    for seed in (20, 20, 21):
        Executor().Do({}, {"model": [artifact]}, {**given, "seed": seed})
        digests.append(artifact.get_string_custom_property("model_digest"))
    assert digests[0] == digests[1] != digests[2]
    loaded = load_model(tmp_path / "model" / "Format-Serving")
    assert (loaded.model.head, loaded.config.hidden_size) == (head, 16)
    assert artifact.get_string_custom_property("source_checkpoint") == "random"
    assert loaded.manifest["source_checkpoint"]["seed"] == 21
    assert (loaded.tokens == librispeech_vocabulary()) if head == "ctc" else (loaded.tokens is None)


def test_a_pre_trained_backbone_gets_a_head_to_be_fine_tuned(tmp_path):
    artifact = model_artifact(tmp_path)
    Executor().Do({}, {"model": [artifact]}, properties(GOLDEN.parent / "pretraining"))
    assert artifact.get_string_custom_property("head") == "ctc"
    assert load_model(tmp_path / "model" / "Format-Serving").vocabulary == librispeech_vocabulary()


def test_what_was_fine_tuned_is_not_pre_trained(tmp_path):
    with pytest.raises(CheckpointError, match=r"Pre-training must start from 'random', .* group_post_norm has a CTC"):
        Executor().Do({}, {"model": [model_artifact(tmp_path)]}, properties(GOLDEN, head="pretraining"))
