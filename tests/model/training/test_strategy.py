"""Devices by configuration; what cannot be is said in a sentence. Training on them: test_devices.py."""

import json
import socket

import pytest
import tensorflow as tf

from model.errors import ConfigurationError, TryAgainError
from model.training.batches import Share
from model.training.settings import TrainingSettings
from model.training.strategy import compiles, is_chief, open_strategy, share_of


def settings(**changes):
    return TrainingSettings(steps=1, **changes)


def cluster(task=("worker", 0), **changes):
    value = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": task[0], "index": task[1]}, **changes}
    return {"TF_CONFIG": json.dumps(value)}


def test_a_machine_without_accelerators_takes_its_processor():
    strategy = open_strategy(settings(), {})
    assert strategy.num_replicas_in_sync == 1
    assert share_of(strategy) == Share(1, 0, 1)
    assert not compiles(strategy, settings())
    assert compiles(strategy, settings(compilation="xla"))
    assert isinstance(open_strategy(settings(strategy="mirrored"), {}), tf.distribute.MirroredStrategy)


def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(ConfigurationError, match=r"train.strategy 'gpu' must find a GPU, and TensorFlow sees none"):
        open_strategy(settings(strategy="gpu"), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        (json.dumps({"cluster": {"worker": ["a:1"]}}), "KeyError: 'task'"),
        (cluster(task=("chief", 0))["TF_CONFIG"], "KeyError: 'chief'"),
        (cluster(task=("worker", 2))["TF_CONFIG"], "task worker 2 is none of its 2 addresses"),
        (cluster(task=("worker", "0"))["TF_CONFIG"], "task worker '0' is none of its 2 addresses"),
        (cluster(cluster={"worker": ["a:1", "a:1"]})["TF_CONFIG"], "it names an address twice"),
        (cluster(cluster={"worker": ["a:1"], "boss": ["b:1"]})["TF_CONFIG"], "it names the kind 'boss'"),
        (cluster(cluster={"worker": {"a:1": 1, 0: 2}})["TF_CONFIG"], "no list of addresses"),
    ],
)
def test_a_cluster_that_makes_no_sense_is_said(text, message):
    for kind in ("auto", "multi_worker"):
        with pytest.raises(ConfigurationError, match="TF_CONFIG must be JSON with `cluster`") as raised:
            open_strategy(settings(strategy=kind), {"TF_CONFIG": text})
        assert message in str(raised.value)
        assert str(raised.value).endswith("correct it, or unset it for one machine.")


def test_several_workers_must_be_named():
    with pytest.raises(ConfigurationError, match=r"'multi_worker' must find the workers in TF_CONFIG, .* not set"):
        open_strategy(settings(strategy="multi_worker"), {})


def test_one_worker_writes():
    assert is_chief({})
    assert [is_chief(cluster(task=("worker", number))) for number in (0, 1)] == [True, False]
    both = {"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:1"]}}
    assert is_chief(cluster(task=("chief", 0), **both))
    assert not is_chief(cluster(task=("worker", 0), **both))


def test_a_tpu_that_does_not_answer_is_to_be_tried_again():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{free.getsockname()[1]}"
    for kind in ("auto", "tpu"):
        for name, environment in ((address, {}), (None, {"TPU_NAME": address})):
            with pytest.raises(TryAgainError, match=rf"The TPU {address} must answer, and does not \(.*refused"):
                open_strategy(settings(strategy=kind, tpu=name), environment)


def test_a_tpu_must_be_named():
    with pytest.raises(ConfigurationError, match="'tpu' must find a TPU in train.tpu or in TPU_NAME, and neither"):
        open_strategy(settings(strategy="tpu"), {})


def test_a_tpu_goes_with_its_strategy_only():
    with pytest.raises(ConfigurationError, match="train.tpu must be left out with train.strategy 'cpu'"):
        settings(strategy="cpu", tpu="mine")
