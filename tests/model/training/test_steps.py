"""What a step refuses, and what it draws. That it is the same on all devices: tests/e2e/test_training_devices.py."""

import numpy as np
import pytest
import tensorflow as tf

from model.errors import ConfigurationError
from model.training.adamw import AdamW
from model.training.batches import Share
from model.training.steps import Steps
from model.training.tasks import PretrainingTask
from tests.micro_training import CONFIG, settings


class Two(tf.distribute.MirroredStrategy):
    """Two devices, as far as `Steps` asks when it is made."""

    num_replicas_in_sync = 2


def test_pretraining_on_several_devices_is_not_compiled():
    from model.wav2vec2 import Wav2Vec2PreTraining

    model = Wav2Vec2PreTraining(CONFIG)
    with pytest.raises(ConfigurationError, match=r"train.compilation must be 'graph' or 'auto' in pre-training on 2"):
        Steps(Two(["CPU:0"]), model, PretrainingTask(), AdamW([]), settings(task="pretraining"), Share(2, 0, 2), True)


def test_what_is_drawn_is_a_function_of_seed_replica_and_layer():
    from model.wav2vec2 import Wav2Vec2CTC

    model = Wav2Vec2CTC(CONFIG)
    steps = Steps(tf.distribute.get_strategy(), model, PretrainingTask(), AdamW([]), settings(), Share(), False)

    def states(seed, replica):
        drawn = steps._drawn_states(tf.constant(seed), replica)
        return [tuple(value.numpy().tolist()) for _, value in drawn]

    assert states(5, 0) == states(5, 0)
    everything = [state for seed in (5, 6) for replica in (0, 1) for state in states(seed, replica)]
    assert len(set(everything)) == len(everything)
    assert len(states(5, 0)) == len([v for v in model.variables if "seed_generator_state" in v.path]) > 5
    # Layers draw in turn from where they begin; they must not meet.
    firsts = sorted(second for _, second in states(5, 0))
    assert np.diff(firsts).min() >= 1_000
