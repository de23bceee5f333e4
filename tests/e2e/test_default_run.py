"""The default run, as a new user starts it, and what becomes of a model that is not good enough."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model import Transcriber
from model.word_times import best_tokens, words_of

pytestmark = pytest.mark.e2e

W2V2 = str(Path(sys.executable).with_name("w2v2"))
# Nothing of this project's settings may leak in from the outside.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("W2V2_")}


def w2v2(workspace, *arguments, code=0):
    environment = {**ENVIRONMENT, "W2V2_WORKSPACE": str(workspace), "COLUMNS": "160"}
    done = subprocess.run(
        [W2V2, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=1_800, check=False
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def runs(workspace):
    return json.loads(w2v2(workspace, "runs", "--json").stdout)["runs"]


def published(workspace):
    return sorted(str(path.relative_to(workspace)) for path in (workspace / "releases").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("default") / "workspace"
    w2v2(root, "run")
    return root


def test_the_default_run_ends_in_an_accepted_released_recogniser(workspace):
    (run,) = runs(workspace)
    assert (run["state"], run["verdict"]) == ("COMPLETE", "ACCEPT")
    assert run["wer"]["test-synthetic"] <= 0.10
    assert 0 < run["peak_memory_bytes"] <= 6e9
    assert {node["state"] for node in run["nodes"]} == {"COMPLETE"}
    for format_ in ("saved_model", "onnx"):
        release = run["releases"][format_]
        assert release["version"] == "1"
        assert Path(release["path"]).is_dir()
    review = json.loads(w2v2(workspace, "review", "--json").stdout)
    (ceiling,) = [gate for gate in review["gates"] if gate["name"] == "max_wer/test-synthetic"]
    assert ceiling["threshold"] == 0.10
    assert ceiling["measured"] == run["wer"]["test-synthetic"]
    assert ceiling["interval"][0] <= ceiling["measured"] <= ceiling["interval"][1]


def test_the_released_model_writes_down_what_was_said(workspace):
    """Most utterances of a speaker that nobody trained on, words counted by hand."""
    transcripts = next(iter(sorted(workspace.glob("corpora/*/test-synthetic/*/*/*.trans.txt"))))
    spoken = dict(line.split(" ", 1) for line in transcripts.read_text().splitlines())
    files = [transcripts.parent / f"{name}.flac" for name in spoken]
    told = json.loads(w2v2(workspace, "transcribe", *files, "--json").stdout)["transcriptions"]
    right = sum(
        said == heard
        for entry, text in zip(told, spoken.values(), strict=True)
        for said, heard in zip(text.split(), entry["text"].split(), strict=False)
    )
    assert right / sum(len(text.split()) for text in spoken.values()) > 0.4
    assert [entry["duration_seconds"] for entry in told] == [round(soundfile.info(file).duration, 3) for file in files]


def test_a_long_recording_has_no_break_at_its_joints(workspace, tmp_path):
    """Utterances of test speakers, joined without a pause, so that windows end in the midst of words."""
    transcripts = sorted(workspace.glob("corpora/*/test-synthetic/*/*/*.trans.txt"))
    lines = [(path.parent, *line.split(" ", 1)) for path in transcripts for line in path.read_text().splitlines()]
    waveform = np.concatenate([soundfile.read(folder / f"{name}.flac")[0] for folder, name, _ in lines])[: 240 * 16_000]
    soundfile.write(tmp_path / "long.wav", waveform, 16_000)
    command = ("transcribe", tmp_path / "long.wav", "--json", "--runtime", "onnxruntime", "--precision", "float32")
    document = json.loads(w2v2(workspace, *command).stdout)
    heard = document["transcriptions"][0]["words"]
    transcriber = Transcriber(document["model"])
    logits = transcriber.logits(soundfile.read(tmp_path / "long.wav", dtype="float32")[0])
    once = words_of(*best_tokens(logits), transcriber.vocabulary, 0.02)

    def is_heard(word):
        return any(
            other["text"] == word.text
            and other["start_seconds"] < word.end_seconds + 0.1
            and other["end_seconds"] > word.start_seconds - 0.1
            for other in heard
        )

    # Two windows share 5 s, from every 25th second on, and are joined in the middle of it.
    near = [word for word in once if word.start_seconds > 25 and word.start_seconds % 25 < 5]
    far = [word for word in once if word not in near]
    missed_near = sum(not is_heard(word) for word in near) / len(near)
    missed_far = sum(not is_heard(word) for word in far) / len(far)
    assert len(near) > 60
    assert missed_far < 0.1, "attention over 30 s hears nearly what attention over four minutes hears"
    assert missed_near < missed_far + 0.05
    assert abs(len(heard) - len(once)) < 0.03 * len(once), "no word is said twice or lost"


def test_a_further_run_has_nothing_to_do_and_nothing_to_compare(workspace):
    before = published(workspace)
    done = w2v2(workspace, "run")
    assert "There is nothing to compare: the latest blessed model is this very model." in done.stdout
    newest, first = runs(workspace)[0], runs(workspace)[-1]
    states = {node["id"]: node["state"] for node in newest["nodes"]}
    assert states["Trainer"] == states["LibriSpeechExampleGen"] == states["ReleaseExporter"] == "CACHED"
    assert newest["wer"] == first["wer"]
    assert published(workspace) == before


def test_a_model_that_is_not_good_enough_is_rejected_and_not_published(workspace, make_corpus):
    """Tones are no speech: whatever the model writes down, it is wrong."""
    corpus = make_corpus(
        {"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104", "105"]}, utterances=6, seconds=1.0
    )
    before = published(workspace)
    strict = corpus.parent / "strict.py"
    strict.write_text(
        "import dataclasses\n"
        "from components.wer_evaluator.settings import GateSettings\n"
        "from pipeline.config import load_config\n"
        "def get_config():\n"
        "    return dataclasses.replace(load_config('smoke'), name='strict', gate=GateSettings(max_wer=0.5))\n"
    )
    done = w2v2(workspace, "run", "--config", strict, "--corpus", corpus, code=4)
    assert "above the ceiling of 50.0 %" in done.stdout
    rejected = runs(workspace)[0]
    assert (rejected["state"], rejected["verdict"]) == ("COMPLETE", "REJECT")
    assert rejected["wer"]["test-a"] > 0.9
    assert published(workspace) == before


def started_nodes(workspace):
    lines = [line for path in workspace.glob("runs/*/events.jsonl") for line in path.read_text().splitlines(True)]
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [event["node"] for event in events if event["event"] == "node_started"]


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    workspace = tmp_path / "workspace"
    environment = {**ENVIRONMENT, "W2V2_WORKSPACE": str(workspace)}
    process = subprocess.Popen(
        [W2V2, "run", "--config", "smoke"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        if "Trainer" in started_nodes(workspace):
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # The kernel tells the run that the terminal's process is gone; until it has ended, it holds the workspace.
    (entry,) = runs(workspace)
    while entry["state"] not in ("INTERRUPTED", "FAILED") and time.monotonic() < deadline:
        time.sleep(0.5)
        (entry,) = runs(workspace)
    states = {node["id"]: node["state"] for node in entry["nodes"]}
    assert states["LibriSpeechExampleGen"] == states["Transform"] == "COMPLETE"
    assert states["Trainer"] != "COMPLETE"
    w2v2(workspace, "run", "--config", "smoke", "--resume")
    resumed = runs(workspace)[0]
    assert (resumed["state"], resumed["verdict"]) == ("COMPLETE", "ACCEPT")
    states = {node["id"]: node["state"] for node in resumed["nodes"]}
    assert states["Trainer"] == "COMPLETE"
    assert states["Transform"] == "CACHED"


@pytest.mark.real_data
def test_real_speech_runs_through_and_is_rejected(tmp_path, real_data):
    """A tiny model, trained for minutes, is bad at it: the gate says so, and nothing is published."""
    workspace = tmp_path / "workspace"
    done = w2v2(workspace, "run", "--corpus", real_data / "LibriSpeech", code=4)
    assert "above the ceiling of 10.0 %" in done.stdout
    (run,) = runs(workspace)
    assert (run["state"], run["verdict"]) == ("COMPLETE", "REJECT")
    assert run["wer"]["test-clean"] > 0.5
    assert published(workspace) == []
    checks = {gate["name"]: gate for gate in run["gates"]}
    # It is a part of the subset that is read, and the gate sees it.
    assert checks["published/test-clean"]["verdict"] == "FAIL"
    assert checks["published/test-clean"]["threshold"] == 2620
