"""AdamW against PyTorch's, in every way that a step is run."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.training.adamw import AdamW

GOLDEN = Path(__file__).parents[2] / "golden" / "adamw" / "reference.npz"
NAMES = ("head", "kernel", "bias", "weight_g")

# In a process of its own: devices are set up before TensorFlow starts.
REPLICAS = """
import sys
import keras
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from model.training.adamw import AdamW

reference, kind = np.load(sys.argv[1]), sys.argv[2]
if kind == "multi_worker":
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    head = keras.Variable(reference["initial:head"], name="head")
    optimizer = AdamW([head], float(reference["weight_decay"]), *reference["betas"].tolist(),
                      epsilon=float(reference["epsilon"]))

@tf.function(jit_compile=kind == "gradients_by_xla")
def share_of(gradient):
    return gradient / strategy.num_replicas_in_sync

@tf.function
def step(gradient, rate, number):
    def of_replica(gradient):
        context = tf.distribute.get_replica_context()
        total = context.all_reduce("SUM", share_of(gradient))
        optimizer.apply([total], [head], rate, number)
    strategy.run(of_replica, (gradient,))

for update, rate in enumerate(reference["learning_rates"]):
    step(tf.constant(reference[f"gradient:{update}:head"]), tf.constant(rate), tf.constant(update + 1))
    for replica in strategy.experimental_local_results(head.value):
        np.testing.assert_allclose(replica.numpy(), reference[f"value:{update}:head"], rtol=2e-6, atol=1e-7)
for moments in (optimizer.first_moments, optimizer.second_moments):
    of_replicas = [replica.numpy() for replica in strategy.experimental_local_results(moments[head.path])]
    assert len(of_replicas) == strategy.num_replicas_in_sync
    for other in of_replicas[1:]:
        np.testing.assert_array_equal(of_replicas[0], other)
print("agrees")
"""


def made(reference, names=NAMES):
    variables = {name: keras.Variable(reference[f"initial:{name}"], name=name) for name in names}
    beta_1, beta_2 = reference["betas"].tolist()
    optimizer = AdamW(
        list(variables.values()), float(reference["weight_decay"]), beta_1, beta_2, float(reference["epsilon"])
    )
    return variables, optimizer


@pytest.mark.parametrize("compiled", ["eager", "graph", "jit"])
def test_updates_are_pytorch_s_and_a_later_stage_counts_its_own(compiled):
    reference = np.load(GOLDEN)
    variables, optimizer = made(reference)
    later = [name for name in NAMES if name != "head"]
    begins = int(reference["stage_begins"])

    def head_alone(gradients, rate, number):
        optimizer.apply(gradients, [variables["head"]], rate, number)

    def both(gradients, rate, number):
        optimizer.apply(gradients[:1], [variables["head"]], rate, number)
        optimizer.apply(gradients[1:], [variables[name] for name in later], rate, number - begins)

    if compiled != "eager":
        head_alone, both = (tf.function(step, jit_compile=compiled == "jit") for step in (head_alone, both))
    for update, rate in enumerate(reference["learning_rates"]):
        step, names = (head_alone, ["head"]) if update < begins else (both, ["head", *later])
        gradients = [tf.constant(reference[f"gradient:{update}:{name}"]) for name in names]
        step(gradients, tf.constant(rate), tf.constant(update + 1))
        for name, variable in variables.items():
            expected = reference[f"value:{update}:{name}"]
            np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-6, atol=1e-7, err_msg=f"{update} {name}")


def test_what_has_no_gradient_stays_and_is_not_decayed():
    variables, optimizer = made(np.load(GOLDEN), ["head", "kernel"])
    before = variables["kernel"].numpy().copy()
    optimizer.apply([tf.ones((4, 3)), None], list(variables.values()), 1e-2, 1)
    np.testing.assert_array_equal(variables["kernel"].numpy(), before)
    assert not optimizer.first_moments[variables["kernel"].path].numpy().any()
    assert optimizer.first_moments[variables["head"].path].numpy().all()


def test_a_checkpoint_brings_the_moments_back(tmp_path):
    variables, optimizer = made(np.load(GOLDEN), ["head", "bias"])
    optimizer.apply([tf.ones((4, 3)), tf.ones(4)], list(variables.values()), 1e-2, 1)
    path = tf.train.Checkpoint(optimizer=optimizer).write(str(tmp_path / "checkpoint"))
    _, again = made(np.load(GOLDEN), ["head", "bias"])
    tf.train.Checkpoint(optimizer=again).read(path).assert_consumed()
    assert len(again.variables) == 4
    for ours, theirs in zip(again.variables, optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert ours.numpy().all()


@pytest.mark.parametrize("kind", ["mirrored", "gradients_by_xla", "multi_worker"])
def test_replicas_are_updated_alike(kind):
    result = subprocess.run(
        [sys.executable, "-c", REPLICAS, str(GOLDEN), kind],
        capture_output=True, text=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert result.stdout.strip() == "agrees", result.stderr[-2000:]
