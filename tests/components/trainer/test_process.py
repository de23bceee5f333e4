"""The process of a training: what TensorFlow raises becomes a sentence, and an exit code that says what to do."""

import errno
import os

import pytest
import tensorflow as tf

from components.trainer.process import _copy_files, _explained
from components.trainer.request import TrainingRequest
from model.errors import ConfigurationError, DataError, DiskFullError, TryAgainError
from model.training.settings import TrainingSettings

REQUEST = TrainingRequest(
    settings=TrainingSettings(steps=1, batch_samples=123_000),
    train_files=(),
    eval_files=(),
    transform_output="",
    base_model="",
    output_dir="",
    serving_dir="",
    model_run_dir="",
    vocabulary={},
    staging_dir="",
    code_fingerprint="",
)


def raising(error):
    def work():
        raise error

    return work


def op_error(kind, message):
    return kind(None, None, message)


FULL = f"states/step-1.tmp; {os.strerror(errno.ENOSPC)}"
CASES = [
    (op_error(tf.errors.ResourceExhaustedError, FULL), DiskFullError, "system is full: states/step-1.*free some space"),
    (op_error(tf.errors.ResourceExhaustedError, "OOM when allocating"), ConfigurationError, "123000, must fit .*halve"),
    (MemoryError("no more"), ConfigurationError, r"does not \(no more\)"),
    (
        op_error(tf.errors.UnavailableError, "Connection reset by peer"),
        TryAgainError,
        "one does not any more .*Connect",
    ),
    (op_error(tf.errors.PermissionDeniedError, "403 on gs://b/o"), DataError, r"is not \(403 on gs://b/o\); give the"),
    (op_error(tf.errors.AbortedError, "aborted"), TryAgainError, "start it again, on all workers"),
    (op_error(tf.errors.InternalError, "Collective ops is aborted by: x"), TryAgainError, "Collective ops is aborted"),
]


@pytest.mark.parametrize(("error", "kind", "message"), CASES)
def test_what_tensorflow_raises_is_explained(error, kind, message):
    with pytest.raises(kind, match=message) as raised:
        _explained(REQUEST, raising(error))
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [op_error(tf.errors.InvalidArgumentError, "shapes differ"), DataError("It is bad.")])
def test_what_is_a_defect_or_has_its_sentence_is_left_alone(error):
    with pytest.raises(type(error)) as raised:
        _explained(REQUEST, raising(error))
    assert raised.value is error


def test_events_are_copied_where_there_are_any():
    _copy_files("ram://states/nowhere", "ram://run/empty")
    assert tf.io.gfile.listdir("ram://run/empty") == []
    tf.io.gfile.makedirs("ram://states/tensorboard")
    with tf.io.gfile.GFile("ram://states/tensorboard/events", "w") as stream:
        stream.write("one")
    _copy_files("ram://states/tensorboard", "ram://run/full")
    with tf.io.gfile.GFile("ram://run/full/events") as stream:
        assert stream.read() == "one"


def test_a_result_is_handed_on():
    assert _explained(REQUEST, lambda: {"steps": 3}) == {"steps": 3}
