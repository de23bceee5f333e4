"""Killed at any moment, twenty times in all, a training ends with the weights of one that nobody touched."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from model.settings import to_json
from tests.micro_training import settings, write_records

pytestmark = pytest.mark.e2e

KILLS = 20


def start(records, chosen, states, out):
    command = [sys.executable, "-m", "tests.micro_training", str(records), "--settings", to_json(chosen)]
    with log_of(out).open("w") as log:
        return subprocess.Popen(
            [*command, "--states", str(states), "--out", str(out)], stdout=log, stderr=log,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip


def log_of(out):
    return out.with_suffix(".log")


def result(out):
    with np.load(out) as saved:
        return json.loads(str(saved["report"])), {name: saved[name] for name in saved.files if name != "report"}


def newest_step(states):
    steps = [int(path.name[5:13]) for path in states.glob("step-*.safetensors")]
    return max(steps, default=0)


@pytest.mark.parametrize("task", ["ctc", "pretraining"])
def test_interruptions_change_nothing(task, tmp_path):
    """Dropout, LayerDrop and masks are on; every state is saved, and most of the kills come while that is done."""
    records = tmp_path / "records"
    utterances = write_records(records)
    kills = KILLS // 2
    # Eight batches an epoch.
    chosen = settings(task=task, steps=8 * kills, evaluate_every_steps=8, average_best=2, strategy="cpu")
    whole = start(records, chosen, tmp_path / "whole", tmp_path / "whole.npz")
    source = random.Random(task)
    killed = stopped = 0
    while killed + stopped < kills:
        before = newest_step(tmp_path / "parts")
        process = start(records, chosen, tmp_path / "parts", tmp_path / "parts.npz")
        # Not before it has gone on by a few steps, or it would never end; then at any moment.
        goal = before + source.randint(1, 6)
        while newest_step(tmp_path / "parts") < goal and process.poll() is None:
            time.sleep(0.01)
        time.sleep(source.uniform(0, 0.3))
        assert process.poll() is None, log_of(tmp_path / "parts.npz").read_text()
        if source.random() < 0.7:
            process.kill()
            process.wait()
            killed += 1
        else:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=120)
            said = log_of(tmp_path / "parts.npz").read_text()
            assert code == 75, said
            assert "asked to stop, at step" in said
            stopped += 1
    assert killed
    assert stopped
    last = start(records, chosen, tmp_path / "parts", tmp_path / "parts.npz")
    assert last.wait(timeout=600) == 0, log_of(tmp_path / "parts.npz").read_text()
    assert whole.wait(timeout=600) == 0, log_of(tmp_path / "whole.npz").read_text()
    expected, weights = result(tmp_path / "whole.npz")
    report, others = result(tmp_path / "parts.npz")
    for name, value in weights.items():
        np.testing.assert_array_equal(others[name], value, err_msg=name)
    assert report["interruptions"] == stopped
    # No utterance seen twice or missed within an epoch: ten epochs of all of them, and the same of all that was summed.
    assert report["utterances"] == expected["utterances"] == kills * len(utterances)
    assert report["samples"] == expected["samples"] == kills * sum(len(one.samples) for one in utterances)
    for name in ("measurements", "curves", "averaged_steps", "final"):
        assert report[name] == expected[name], name
