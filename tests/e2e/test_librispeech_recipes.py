"""The README's commands for the published recipes, all of them but the size: archives, checkpoint, steps are small."""

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from pipeline.config import load_config
from tests.loopback_librispeech import serving
from tests.w2v2_command import runs, states, w2v2

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PRETRAINED = ROOT / "model" / "pretrained" / "wav2vec2-tiny-pretrained"
SMALL_TRAINING = {"steps": 2, "batch_samples": 320_000, "evaluate_every_steps": 2, "num_buckets": 2}
SMALL_EVALUATION = {"num_probes": 2, "num_silences": 1, "num_noises": 3, "bootstrap_resamples": 100}
# A new CTC head that has learned in four steps says nothing, or anything.
LENIENT = {
    "max_wer": 5.0, "max_slice_wer": None, "max_noise_words": None, "max_silence_words": None,
    "min_int8_text_agreement": 0.0, "max_int8_wer_difference": 5.0,
}  # fmt: skip


def command_of_readme(config):
    """The words behind `w2v2` of the README's command for a configuration."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    (line,) = (line for line in lines if line.startswith(".venv/bin/w2v2 run ") and f"--config {config}" in line)
    return shlex.split(line, comments=True)[1:]


@pytest.fixture(scope="module")
def loopback(tmp_path_factory):
    directory = tmp_path_factory.mktemp("loopback")
    sizes = {"train": SMALL_TRAINING, "evaluation": SMALL_EVALUATION, "gate": LENIENT}
    with serving(directory, PRETRAINED, "facebook/wav2vec2-base", **sizes) as servers:
        yield servers


@pytest.fixture(scope="module")
def hundred_hours(loopback, tmp_path_factory):
    """The workspace of the run, of which the first archive breaks off once."""
    workspace = tmp_path_factory.mktemp("recipes") / "workspace"
    loopback.mirror.cuts = [50_000]
    w2v2(workspace, *command_of_readme("librispeech_100h"), environment=loopback.environment)
    return workspace


def trained(workspace, name):
    """The settings that a training was told, but for those that the size is in."""
    (place,) = (workspace / "pipelines").glob(f"{name}-*/Trainer/model/*/model_directory/training.json")
    told = json.loads(place.read_text())["settings"]
    assert {field: told[field] for field in SMALL_TRAINING} == SMALL_TRAINING
    return told | dict.fromkeys(SMALL_TRAINING)


def recipe(name):
    """The same of the recipe as it stands in the project."""
    return dataclasses.asdict(load_config(name).train) | dict.fromkeys(SMALL_TRAINING)


def test_the_hundred_hours_end_in_released_models(hundred_hours):
    (run,) = runs(hundred_hours)
    assert (run["state"], run["verdict"]) == ("COMPLETE", "ACCEPT")
    assert set(states(run).values()) == {"COMPLETE"}
    assert list(run["wer"]) == ["test-clean"]
    outcomes = {gate["name"]: gate["verdict"] for gate in run["gates"]}
    # All of the subset was measured, as it was published.
    assert outcomes["published/test-clean"] == "PASS"
    releases = hundred_hours / "releases" / "wav2vec2-base-100h"
    assert sorted(path.name for path in releases.iterdir()) == ["checkpoint", "onnx", "saved_model"]
    (config,) = (releases / "checkpoint").glob("[0-9]*/config.json")
    assert json.loads(config.read_text())["architectures"] == ["Wav2Vec2ForCTC"]
    assert trained(hundred_hours, "librispeech_100h") == recipe("librispeech_100h")


def test_the_archives_and_the_checkpoint_came_from_the_servers(hundred_hours, loopback):
    asked = [path.rsplit("/", 1)[1] for path, _, _ in loopback.mirror.asked]
    assert sorted(set(asked)) == ["dev-clean.tar.gz", "test-clean.tar.gz", "train-clean-100.tar.gz"]
    # The one that broke off was gone on with, and none was fetched twice.
    (broken,) = (name for name in set(asked) if asked.count(name) == 2)
    assert [part for path, part, _ in loopback.mirror.asked if path.endswith(broken)] == [None, "bytes=50000-"]
    assert len(asked) == 4
    assert sorted(loopback.hub.fetched) == ["config.json", "model.safetensors", "preprocessor_config.json"]


def test_all_960_hours_are_trained_on_with_what_is_there_already(hundred_hours, loopback):
    loopback.mirror.asked.clear()
    command = (*command_of_readme("librispeech_960h"), "--to", "Trainer")
    w2v2(hundred_hours, *command, environment=loopback.environment)
    asked = sorted(path.rsplit("/", 1)[1] for path, _, _ in loopback.mirror.asked)
    assert asked == ["dev-other.tar.gz", "test-other.tar.gz", "train-clean-360.tar.gz", "train-other-500.tar.gz"]
    assert len(loopback.hub.fetched) == 3, "the checkpoint was in the cache"
    assert trained(hundred_hours, "librispeech_960h") == recipe("librispeech_960h")
    (newest, _) = runs(hundred_hours)
    assert {node for node, state in states(newest).items() if state == "COMPLETE"} >= {
        "LibriSpeechExampleGen",
        "Trainer",
    }
    (information,) = (hundred_hours / "pipelines").glob(
        "librispeech_960h-*/LibriSpeechExampleGen/examples/*/dataset_info.json"
    )
    splits = json.loads(information.read_text())["splits"]
    assert sorted(splits) == ["test-clean", "test-other", "train", "validation"]
