"""The same model eagerly, as a graph, compiled by XLA, in bfloat16, and on several devices."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2CTC

VARIANTS = ("group_post_norm", "layer_pre_norm", "convolutional_adapter", "attention_adapter", "hubert_batch_norm")

REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from model import load_model
from model.training.ctc import ctc_loss

directory, reference, jit = sys.argv[1], np.load(sys.argv[2]), sys.argv[3] == "jit"
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    model = load_model(directory).model
variables = model.trainable_variables

@tf.function(jit_compile=jit)
def replica_step(waveforms, num_samples, labels):
    with tf.GradientTape() as tape:
        logits, num_frames = model(waveforms, num_samples)
        losses, _ = ctc_loss(logits, num_frames, labels, blank_id=0, dense=jit)
        loss = tf.reduce_sum(losses)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    return loss, [tf.zeros_like(v.value) if g is None else g for g, v in zip(gradients, variables)]

def pick(name):
    def value(context):
        index = context.replica_id_in_sync_group
        if name == "num_samples":
            return tf.constant([[8000, 5000][index]])
        padded = np.full(8000, 0, np.float32) if name == "waveform" else np.full(5, -1, np.int32)
        values = reference[f"{name}_{index}"]
        padded[: len(values)] = values
        return tf.constant(padded[None])
    return strategy.experimental_distribute_values_from_function(value)

batch = pick("waveform"), pick("num_samples"), pick("labels")
# Not the compiled function itself: the strategy would call it once, and compile both replicas into one.
loss, gradients = strategy.run(lambda *values: replica_step(*values), batch)
total = strategy.reduce("SUM", loss, axis=None).numpy()
np.testing.assert_allclose(total, reference["loss_0"] + reference["loss_1"], rtol=1e-4)
name = "gradient:lm_head.weight"
index = [variable.path.partition("/")[2] for variable in variables].index("lm_head/kernel")
summed = strategy.reduce("SUM", gradients[index], axis=None).numpy()
error = np.linalg.norm(summed - reference[name].T) / np.linalg.norm(reference[name])
assert error < 1e-3, error
print("agrees")
"""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("jit", [False, True])
def test_a_graph_of_any_batch_and_length_gives_what_the_eager_model_gives(converted, variant, jit):
    model = converted(variant)[0].model
    # Static shapes under XLA, as on a TPU; open ones in a graph.
    signature = [tf.TensorSpec([None, None]), tf.TensorSpec([None], tf.int32)]
    function = tf.function(model, input_signature=None if jit else signature, jit_compile=jit)
    random = np.random.default_rng(0)
    for batch, samples in ((1, 1_040), (2, 5_000), (3, 2_333)):
        waveforms = random.normal(size=(batch, samples)).astype(np.float32)
        num_samples = np.array([samples, 1_040, 1_040][:batch], np.int32)
        waveforms[np.arange(samples)[None] >= num_samples[:, None]] = 0
        logits, num_frames = function(waveforms, num_samples)
        expected, expected_frames = model(waveforms, num_samples)
        assert num_frames.numpy().tolist() == expected_frames.numpy().tolist()
        for row, frames in enumerate(expected_frames.numpy()):
            np.testing.assert_allclose(logits[row, :frames].numpy(), expected[row, :frames].numpy(), atol=1e-5)
    if not jit:
        assert function.experimental_get_tracing_count() == 1, "one graph serves every shape"


@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_bfloat16_stays_close_and_keeps_its_variables_in_float32(converted, variant):
    loaded, reference = converted(variant)
    model = Wav2Vec2CTC(loaded.config, dtype="mixed_bfloat16")
    for name, variable in model.named_weights().items():
        variable.assign(loaded.model.named_weights()[name])
        assert variable.dtype == "float32", name
    waveforms = np.zeros((2, 8000), np.float32)
    for index in (0, 1):
        waveforms[index, : len(reference[f"waveform_{index}"])] = reference[f"waveform_{index}"]
    for call in (model, tf.function(model, jit_compile=True)):
        logits, num_frames = call(waveforms, np.array([8000, 5000], np.int32))
        assert logits.dtype == tf.float32
        for index in (0, 1):
            expected = reference[f"logits_{index}"]
            assert num_frames[index] == len(expected)
            error = logits[index, : len(expected)].numpy() - expected
            assert np.linalg.norm(error) < 0.1 * np.linalg.norm(expected), "three digits of precision, many layers"
    assert model.backbone(waveforms).hidden.dtype == tf.bfloat16


@pytest.mark.parametrize("compiled", ["graph", "jit"])
def test_two_replicas_give_the_loss_and_the_gradients_of_one(converted, compiled, tmp_path):
    # In a process of its own: devices are set up before TensorFlow starts.
    from model.directory import save_model

    loaded, reference = converted("group_post_norm")
    save_model(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "model")
    np.savez(tmp_path / "reference.npz", **reference)
    result = subprocess.run(
        [sys.executable, "-c", REPLICAS, str(tmp_path / "model"), str(tmp_path / "reference.npz"), compiled],
        capture_output=True, text=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert result.stdout.strip() == "agrees", result.stderr[-2000:]
