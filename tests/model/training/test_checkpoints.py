"""Saved states: whole or not at all, the newest few, never those of another training."""

import errno
import os

import numpy as np
import pytest
import safetensors

from model.errors import CheckpointError, DiskFullError
from model.training import checkpoints
from model.training.checkpoints import CheckpointStore

IDENTITY = {"settings": {"steps": 10, "seed": 20}, "start": "abc"}


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def latest(store):
    found = store.latest()
    assert found is not None
    return found


def arrays(value):
    return {"weights/a": np.full((2, 3), value, np.float32), "weights/b": np.arange(4, dtype=np.float32)}


def test_the_newest_state_comes_back_and_old_ones_go(tmp_path):
    store = CheckpointStore(tmp_path / "states", IDENTITY, keep=2)
    assert store.latest() is None
    for step in (1, 5, 12):
        store.save(step, arrays(step), {"step": step, "list": [1.5, "x"]})
    assert sorted(path.name for path in (tmp_path / "states").glob("step-*")) == [
        "step-00000005.safetensors", "step-00000012.safetensors",
    ]  # fmt: skip
    found = latest(CheckpointStore(tmp_path / "states", IDENTITY))
    assert (found.step, found.state) == (12, {"step": 12, "list": [1.5, "x"]})
    np.testing.assert_array_equal(found.arrays["weights/a"], arrays(12)["weights/a"])


@pytest.mark.parametrize("damage", ["cut", "nothing", "other"])
def test_a_damaged_state_is_passed_over(tmp_path, damage, caplog):
    store = CheckpointStore(tmp_path, IDENTITY)
    store.save(1, arrays(1), {"n": 1})
    store.save(2, arrays(2), {"n": 2})
    path = tmp_path / "step-00000002.safetensors"
    path.write_bytes({"cut": path.read_bytes()[:-5], "nothing": b"", "other": b"no such file, but long enough"}[damage])
    assert latest(store).state == {"n": 1}
    assert "step-00000002.safetensors must be a whole state of a training, and is damaged" in caplog.text


def test_states_of_another_training_are_refused(tmp_path):
    CheckpointStore(tmp_path, IDENTITY)
    other = {**IDENTITY, "settings": {"steps": 10, "seed": 21}}
    with pytest.raises(
        CheckpointError,
        match=r"of another one: its settings.seed is 20, not 21; remove that directory, or name another",
    ):
        CheckpointStore(tmp_path, other)


def test_a_full_disk_leaves_the_last_state_as_it_was(tmp_path, monkeypatch):
    store = CheckpointStore(tmp_path, IDENTITY)
    store.save(1, arrays(1), {"n": 1})
    before = names(tmp_path)

    def full(*_, **__):
        raise safetensors.SafetensorError(
            f"Error while serializing: I/O error: {os.strerror(errno.ENOSPC)} (os error 28)"
        )

    monkeypatch.setattr(checkpoints.safetensors.numpy, "save_file", full)
    with pytest.raises(DiskFullError, match=r"The file system under .* is full; free some space there"):
        store.save(2, arrays(2), {"n": 2})
    assert names(tmp_path) == before
    assert latest(store).state == {"n": 1}


def test_the_best_weights_are_kept_by_their_steps(tmp_path):
    store = CheckpointStore(tmp_path, IDENTITY)
    for step in (3, 6, 9):
        store.save_weights(step, arrays(step))
    store.keep_weights([3, 9])
    np.testing.assert_array_equal(store.weights(9)["weights/a"], arrays(9)["weights/a"])
    with pytest.raises(CheckpointError, match="best-00000006.safetensors must be a whole state"):
        store.weights(6)


def test_of_a_finished_training_only_the_newest_state_stays(tmp_path):
    store = CheckpointStore(tmp_path, IDENTITY)
    for step in (1, 2):
        store.save(step, arrays(step), {})
        store.save_weights(step, arrays(step))
    store.clear()
    assert names(tmp_path) == ["identity.json", "step-00000002.safetensors"]


def test_what_a_killed_process_left_is_swept_and_states_only_to_begin_anew(tmp_path):
    store = CheckpointStore(tmp_path, IDENTITY)
    store.save(1, arrays(1), {})
    for name in (".tmpAbc123", ".step-00000002.x.safetensors", ".best-00000002.y.safetensors"):
        (tmp_path / name).write_bytes(b"half")
    store.sweep()
    assert names(tmp_path) == ["identity.json", "step-00000001.safetensors"]
    store.sweep(anew=True)
    assert names(tmp_path) == ["identity.json"]


def test_states_may_lie_elsewhere():
    """TensorFlow's file systems have one interface; this one is in memory, as gs:// is in the cloud."""
    store = CheckpointStore("ram://staging/one", IDENTITY, keep=2)
    for step in (1, 2, 3):
        store.save(step, arrays(step), {"step": step})
        store.save_weights(step, arrays(step))
    store.keep_weights([2])
    again = CheckpointStore("ram://staging/one", IDENTITY)
    found = latest(again)
    assert found.state == {"step": 3}
    np.testing.assert_array_equal(found.arrays["weights/a"], arrays(3)["weights/a"])
    np.testing.assert_array_equal(again.weights(2)["weights/a"], arrays(2)["weights/a"])
    with pytest.raises(CheckpointError, match="best-00000001.safetensors must be a whole state"):
        again.weights(1)
    with pytest.raises(CheckpointError, match=r"its start is 'abc', not 'abd'"):
        CheckpointStore("ram://staging/one", {**IDENTITY, "start": "abd"})
    again.clear()
    assert [name for _, name in again._found(checkpoints._STEP)] == ["step-00000003.safetensors"]
    # A first try of the same task may have removed it in the meantime.
    again._remove("best-00000002.safetensors")
    assert again._found(checkpoints._BEST) == []
