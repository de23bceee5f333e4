"""Killed at any moment, twenty times, a training ends with the weights of one that nobody touched."""

import random
import signal
import time

import numpy as np
import pytest

from tests.micro_training import newest_step, result, settings, start, write_records

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("task", "kills"), [("ctc", 20), ("pretraining", 10)])
def test_interruptions_change_nothing(task, kills, tmp_path):
    """Dropout, LayerDrop and masks are on; every state is saved, and most of the kills come while that is done."""
    records = tmp_path / "records"
    utterances = write_records(records)
    # Eight batches an epoch.
    chosen = settings(task=task, steps=8 * kills, evaluate_every_steps=8, average_best=2, strategy="cpu")
    whole = start(records, chosen, tmp_path / "whole.npz", tmp_path / "whole")
    source = random.Random(task)
    killed = stopped = 0
    while killed + stopped < kills:
        before = newest_step(tmp_path / "parts")
        program = start(records, chosen, tmp_path / "parts.npz", tmp_path / "parts")
        process = program.process
        # Not before it has gone on by a few steps, or it would never end; then at any moment.
        goal = before + source.randint(1, 6)
        while newest_step(tmp_path / "parts") < goal and process.poll() is None:
            time.sleep(0.01)
        time.sleep(source.uniform(0, 0.3))
        assert process.poll() is None, program.said()
        if source.random() < 0.7:
            process.kill()
            process.wait()
            killed += 1
        else:
            process.send_signal(signal.SIGTERM)
            assert program.wait() == 75, program.said()
            assert "asked to stop, at step" in program.said()
            stopped += 1
    assert killed
    assert stopped
    last = start(records, chosen, tmp_path / "parts.npz", tmp_path / "parts")
    assert last.wait() == 0, last.said()
    assert whole.wait() == 0, whole.said()
    expected, weights = result(tmp_path / "whole.npz")
    report, others = result(tmp_path / "parts.npz")
    for name, value in weights.items():
        np.testing.assert_array_equal(others[name], value, err_msg=name)
    assert report["interruptions"] == stopped
    # No utterance seen twice or missed within an epoch: so many epochs of all of them, and all sums are the same.
    assert report["utterances"] == expected["utterances"] == kills * len(utterances)
    assert report["samples"] == expected["samples"] == kills * sum(len(one.samples) for one in utterances)
    for name in ("measurements", "curves", "averaged_steps", "final"):
        assert report[name] == expected[name], name
