"""What comes after a finished run of the smoke configuration: the cache, parts of the graph, and input that is bad."""

import shutil

import pytest
import safetensors.numpy

from model.pretrained import TINY
from tests.w2v2_command import runs, states, w2v2

pytestmark = pytest.mark.e2e


def releases(workspace):
    """Every released file with its time: what must not change when a later run fails."""
    return {
        path.relative_to(workspace): path.stat().st_mtime_ns
        for path in (workspace / "releases").rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def workspace(changeable_smoke_workspace):
    return changeable_smoke_workspace


@pytest.fixture(scope="module")
def first(workspace):
    """The first run, as it was told right after it."""
    return runs(workspace)[-1]


def test_running_again_uses_the_cache_and_has_nothing_to_compare(workspace, first):
    before = releases(workspace)
    done = w2v2(workspace, "run", "--config", "smoke")
    assert "There is nothing to compare: the latest blessed model is this very model." in done.stdout
    again = runs(workspace)[0]
    executed = {node for node, state in states(again).items() if state == "COMPLETE"}
    assert executed <= {"LatestBlessedModel", "WEREvaluator", "HubPusher", "OnnxPusher", "CheckpointPusher"}
    assert again["verdict"] == "ACCEPT"
    assert again["wer"] == first["wer"]
    assert releases(workspace) == before


def test_a_part_of_the_graph_is_run_alone_and_without_the_cache(workspace, first):
    node = "CheckpointConverter"
    w2v2(workspace, "run", "--config", "smoke", "--from", node, "--to", node, "--no-cache")
    partial = runs(workspace)[0]
    assert states(partial)["CheckpointConverter"] == "COMPLETE"
    assert states(partial)["Trainer"] != "COMPLETE"


def test_a_damaged_corpus_ends_in_one_sentence_and_changes_nothing(workspace, first, tmp_path):
    (corpus,) = (workspace / "corpora").iterdir()
    copy = tmp_path / "damaged"
    shutil.copytree(corpus, copy)
    victim, silent, *_ = sorted(copy.glob("train-synthetic/*/*/*.flac"))
    victim.write_bytes(victim.read_bytes()[:-2000])
    # A transcript without its audio, and, under another number, audio without a transcript.
    silent.rename(silent.with_name(f"{silent.stem[:-4]}9999.flac"))
    before, known = releases(workspace), len(runs(workspace))
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", copy, code=3)
    message = f"{done.stdout}\n{done.stderr}"
    assert "At most 0.1 % of the utterances may be rejected, and 3 of" in " ".join(message.split())
    assert victim.stem in message
    assert "It has a transcript and no audio" in message
    assert "It has audio and no transcript" in message
    assert "Traceback" not in message
    assert releases(workspace) == before
    after = runs(workspace)
    assert len(after) == known + 1
    assert after[0]["state"] == "FAILED"
    assert [run["verdict"] for run in after if run["run_id"] == first["run_id"]] == ["ACCEPT"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tensors: tensors.pop("lm_head.bias"),
            "must hold every tensor of the architecture that it describes; these are missing: lm_head.bias",
        ),
        (
            lambda tensors: tensors.update({"lm_head.extra": tensors["lm_head.bias"]}),
            "must have its place in the model; these have none: lm_head.extra",
        ),
    ],
)
def test_a_checkpoint_with_a_missing_or_an_extra_tensor_is_named(workspace, first, tmp_path, change, message):
    shutil.copytree(TINY, tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    change(tensors)
    safetensors.numpy.save_file(tensors, path)
    before = releases(workspace)
    done = w2v2(workspace, "run", "--config", "smoke", "--checkpoint", tmp_path / "checkpoint", code=3)
    said = " ".join(f"{done.stdout}\n{done.stderr}".split())
    assert message in said
    assert "Traceback" not in said
    assert releases(workspace) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TrainingSettings(steps=1, stepps=2)", "stepps"),
        ("TrainingSettings(steps=0)", "train.steps must be at least 1, not 0."),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_before_anything(workspace, first, tmp_path, text, message):
    file = tmp_path / "mine.py"
    file.write_text(
        "from pipeline.config import PipelineConfig\n"
        "from model.training.settings import TrainingSettings\n"
        "from components.wer_evaluator.settings import GateSettings\n"
        "def get_config():\n"
        f"    return PipelineConfig(name='mine', gate=GateSettings(max_wer=0.5), train={text})\n"
    )
    known = len(runs(workspace))
    done = w2v2(workspace, "run", "--config", file, code=2)
    assert message in done.stderr
    assert done.stdout == ""
    assert len(runs(workspace)) == known


def test_a_corpus_that_does_not_exist_is_said(workspace, first, tmp_path):
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", tmp_path / "nowhere", code=2)
    assert done.stderr.startswith("✗ --corpus must be 'synthetic', subsets of LibriSpeech such as ")
    assert "nowhere does not exist, and the subsets are dev-clean" in done.stderr
    assert done.stdout == ""
    (tmp_path / "hollow").mkdir()
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", tmp_path / "hollow", code=3)
    assert "A corpus must hold utterances as" in f"{done.stdout}\n{done.stderr}"


def test_a_second_run_in_the_same_workspace_is_refused_while_the_first_is_under_way(workspace, first):
    import fcntl

    with open(workspace / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = len(runs(workspace))
        done = w2v2(workspace, "run", "--config", "smoke", code=75)
        assert "workspace" in done.stderr
        assert len(runs(workspace)) == known
