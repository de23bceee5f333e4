"""A run that is killed while it trains goes on where it was, by the command that started it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

W2V2 = str(Path(sys.executable).with_name("w2v2"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("W2V2_")}
CONFIG = """
import dataclasses

from pipeline.config import load_config


def get_config():
    smoke = load_config("smoke")
    train = dataclasses.replace(smoke.train, steps=40, evaluate_every_steps=20, checkpoint_every_seconds=0.0)
    return dataclasses.replace(smoke, name="killed", train=train)
"""


@pytest.fixture
def command(tmp_path):
    (tmp_path / "killed.py").write_text(CONFIG)
    workspace = tmp_path / "workspace"
    return [W2V2, "run", "--config", str(tmp_path / "killed.py"), "--workspace", str(workspace)], workspace


def newest_step(workspace):
    found = workspace.glob("staging/training/*/step-*.safetensors")
    return max((int(path.name[5:13]) for path in found), default=0)


def test_a_run_that_is_stopped_and_killed_in_training_goes_on(command):
    arguments, workspace = command
    ends = []
    for goal, number in ((3, signal.SIGTERM), (12, signal.SIGKILL)):
        process = subprocess.Popen(
            arguments,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 600
        while newest_step(workspace) < goal:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if number == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.send_signal(number)
        said, _ = process.communicate(timeout=120)
        ends.append((process.returncode, said))
    assert ends[0][0] == 75
    assert "The run was stopped during Trainer" in ends[0][1]
    assert ends[1][0] == -signal.SIGKILL
    stopped_at = newest_step(workspace)
    assert 12 <= stopped_at < 40
    # What the killed run left running ends by itself, and then the lock is free.
    deadline = time.monotonic() + 60
    done = None
    while time.monotonic() < deadline:
        done = subprocess.run(
            [*arguments, "--resume"], env=ENVIRONMENT, capture_output=True, text=True, timeout=900, check=False
        )
        if done.returncode != 75:
            break
        time.sleep(1)
    assert done is not None
    assert done.returncode == 0, done.stdout
    (training,) = workspace.glob("pipelines/*/Trainer/model/*/model_directory/training.json")
    report = json.loads(training.read_text())
    assert report["steps"] == 40
    assert report["interruptions"] >= 1
    assert [one["step"] for one in report["measurements"]] == [20, 40]
    (log,) = sorted(workspace.glob("runs/*/log.txt"))[-1:]
    gone_on = [line for line in log.read_text().splitlines() if "Going on from step" in line]
    assert len(gone_on) == 1
    assert int(gone_on[0].split()[-1].rstrip(".")) >= stopped_at
