"""Two workers of one training: asked to stop, they stop together; and they begin together or not at all."""

import signal
import time

import numpy as np
import pytest

from tests.micro_training import clusters, newest_step, result, settings, start, write_records

pytestmark = pytest.mark.e2e


def start_workers(records, chosen, out, states):
    """Starts two workers; `states` names where each looks for states."""
    return [
        start(records, chosen, out, states=where, cluster=cluster)
        for cluster, where in zip(clusters(2), states, strict=True)
    ]


def wait_for_step(states, step, workers):
    while newest_step(states) < step:
        for worker in workers:
            assert worker.process.poll() is None, worker.said()
        time.sleep(0.05)


@pytest.mark.parametrize("who", [0, 1])
def test_a_worker_that_is_asked_to_stop_stops_all_and_they_go_on_together(who, tmp_path):
    records = tmp_path / "records"
    write_records(records)
    chosen = settings(steps=24, evaluate_every_steps=8, average_best=2, strategy="multi_worker")
    for worker in start_workers(records, chosen, tmp_path / "whole.npz", [tmp_path / "whole"] * 2):
        assert worker.wait() == 0, worker.said()
    states = tmp_path / "parts"
    workers = start_workers(records, chosen, tmp_path / "parts.npz", [states] * 2)
    wait_for_step(states, 3, workers)
    workers[who].process.send_signal(signal.SIGTERM)
    for worker in workers:
        assert worker.wait() == 75, worker.said()
        assert "Training was asked to stop, at step" in worker.said()
    assert 3 <= newest_step(states) < 24
    for worker in start_workers(records, chosen, tmp_path / "parts.npz", [states] * 2):
        assert worker.wait() == 0, worker.said()
    expected, weights = result(tmp_path / "whole.npz")
    report, others = result(tmp_path / "parts.npz")
    assert report["interruptions"] == 1
    assert report["utterances"] == expected["utterances"]
    np.testing.assert_allclose(report["curves"]["loss"], expected["curves"]["loss"], rtol=1e-5)
    for name, value in weights.items():
        np.testing.assert_allclose(others[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_workers_that_find_other_states_refuse_to_begin(tmp_path):
    records = tmp_path / "records"
    write_records(records)
    chosen = settings(steps=64, evaluate_every_steps=8, strategy="multi_worker")
    workers = start_workers(records, chosen, tmp_path / "out.npz", [tmp_path / "chief"] * 2)
    wait_for_step(tmp_path / "chief", 2, workers)
    workers[0].process.send_signal(signal.SIGTERM)
    assert {worker.wait() for worker in workers} == {75}
    # The second worker sees another disk.
    for worker in start_workers(records, chosen, tmp_path / "out.npz", [tmp_path / "chief", tmp_path / "other"]):
        assert worker.wait() == 2, worker.said()
        assert "must find the same states" in worker.said()
        assert "let the staging directory lie where all of them see it" in worker.said()
