"""A training that takes seconds: tones for letters, a model of a few thousand parameters. Also as a program:

python -m tests.micro_training DIRECTORY [--settings JSON] [--replicas N] [--out FILE]
"""

import argparse
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from model import Wav2Vec2Config
from model.errors import W2v2Error
from model.examples import Utterance, encode
from model.settings import from_json, to_json
from model.text import Vocabulary
from model.training.settings import TrainingSettings

VOCABULARY = Vocabulary(("<pad>", "|", "A", "B"))
CONFIG = Wav2Vec2Config(
    vocab_size=4, conv_dim=(8, 8), conv_kernel=(10, 3), conv_stride=(5, 4), hidden_size=16, num_hidden_layers=2,
    num_attention_heads=2, intermediate_size=16, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    feat_extract_norm="layer", do_stable_layer_norm=True, hidden_dropout=0.1, layerdrop=0.1, mask_time_prob=0.05,
    mask_time_length=2, mask_feature_prob=0.1, mask_feature_length=2, num_codevectors_per_group=6,
    num_codevector_groups=2, codevector_dim=8, proj_codevector_dim=8, num_negatives=5,
)  # fmt: skip
# Nothing is drawn but masks, so that devices can be compared.
QUIET = {"dropout": 0.0, "activation_dropout": 0.0, "attention_dropout": 0.0, "final_dropout": 0.0, "layerdrop": 0.0}
LENGTHS = [400, 800]


def tones(count, seed=0):
    """A is a low tone, B a high one; pauses and lengths differ."""
    random = np.random.default_rng(seed)
    for number in range(count):
        letters = random.integers(2, 4, size=random.integers(1, 4))
        pieces = [np.sin(np.arange(180) * (0.3 if letter == 2 else 1.3)) * 8000 for letter in letters]
        gaps = [np.zeros(random.integers(40, 80)) for _ in letters]
        samples = np.concatenate([part for pair in zip(gaps, pieces, strict=True) for part in pair]).astype(np.int16)
        text = "".join(VOCABULARY.tokens[letter] for letter in letters)
        yield Utterance(f"tone-{number:03d}", "1", "1", "F", "train-a", 16_000, samples, text)


def write_records(directory, count=36, shards=3):
    import tensorflow as tf

    directory.mkdir(parents=True, exist_ok=True)
    utterances = list(tones(count))
    for shard in range(shards):
        with tf.io.TFRecordWriter(str(directory / f"data_tfrecord-{shard:05d}-of-{shards:05d}")) as writer:
            for utterance in utterances[shard::shards]:
                writer.write(encode(utterance))
    return utterances


def parse(records):
    """What the Transform graph does in a pipeline."""
    import tensorflow as tf

    one = tf.io.FixedLenFeature([], tf.string)
    parsed = tf.io.parse_example(records, {"audio": one, "transcript": one, "utterance_id": one})
    # A is 65, and its token 2.
    labels = tf.strings.unicode_decode(parsed["transcript"], "UTF-8") - 63
    return {"audio": parsed["audio"], "utterance_id": parsed["utterance_id"], "labels": labels}


def settings(**changes):
    return TrainingSettings(
        **{
            "steps": 12,
            "batch_samples": 3200,
            "peak_learning_rate": 1e-2,
            "evaluate_every_steps": 4,
            "freeze_feature_encoder": False,
            "num_buckets": 2,
            "checkpoint_every_seconds": 0.0,
            **changes,
        }
    )


def make_data(directory, chosen, config=CONFIG, strategy=None):
    import tensorflow as tf

    from model.record_index import read_index
    from model.training.batches import BatchReader
    from model.training.loop import TrainingData
    from model.training.plan import BatchPlan
    from model.training.strategy import compiles, share_of

    strategy = strategy or tf.distribute.get_strategy()
    index = read_index([str(path) for path in directory.glob("data_tfrecord*")], "training")
    is_ctc = chosen.task == "ctc"
    static = compiles(strategy, chosen) or strategy.num_replicas_in_sync > 1
    reader = BatchReader(
        index, parse, config, share=share_of(strategy), draws="masks" if is_ctc else "pretraining",
        static_shapes=static, max_labels=3, vocab_size=4 if is_ctc else None,
        foreign_labels=(0,), seed=chosen.seed,
    )  # fmt: skip
    return TrainingData(
        reader,
        BatchPlan(index.num_samples, LENGTHS, chosen.batch_samples, chosen.seed),
        dataclasses.replace(reader, draws="none" if is_ctc else "pretraining"),
        BatchPlan(index.num_samples, LENGTHS, chosen.batch_samples, None),
    )


def make_training(directory, chosen, store=None, strategy=None, config=CONFIG, **options):
    """A training from weights that are always the same."""
    import keras
    import tensorflow as tf

    from model.training.loop import Training
    from model.training.regularisation import regularised
    from model.training.strategy import compiles
    from model.training.tasks import CtcTask, PretrainingTask
    from model.wav2vec2 import Wav2Vec2CTC, Wav2Vec2PreTraining

    strategy = strategy or tf.distribute.get_strategy()
    config = regularised(config, chosen)
    keras.utils.set_random_seed(7)
    is_ctc = chosen.task == "ctc"
    with strategy.scope():
        model = (Wav2Vec2CTC if is_ctc else Wav2Vec2PreTraining)(config, dtype=chosen.precision)
    task = CtcTask(VOCABULARY, chosen.loss_per, compiles(strategy, chosen)) if is_ctc else PretrainingTask()
    data = make_data(directory, chosen, config, strategy)
    return Training(model, task, data, chosen, strategy, store, **options), model


@dataclasses.dataclass
class Program:
    """A training that runs as a program of its own."""

    process: subprocess.Popen
    log: Path

    def wait(self):
        return self.process.wait(timeout=600)

    def said(self):
        return self.log.read_text()


def start(records, chosen, out, states=None, replicas=1, cluster=None):
    """Starts a training of its own; `cluster` is the TF_CONFIG of one of several workers."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if cluster is not None:
        environment["TF_CONFIG"] = json.dumps(cluster)
    command = [sys.executable, "-m", "tests.micro_training", str(records), "--settings", to_json(chosen)]
    command += ["--replicas", str(replicas), "--out", str(out), *(["--states", str(states)] if states else [])]
    log = out.with_suffix(f".{cluster['task']['index'] if cluster else 0}.log")
    with log.open("w") as stream:
        return Program(subprocess.Popen(command, env=environment, stdout=stream, stderr=stream), log)


def clusters(workers):
    """Returns a TF_CONFIG for each of so many workers on this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(workers)]


def newest_step(states):
    """Returns the step of the newest state that was saved; 0 where there is none."""
    return max((int(path.name[5:13]) for path in states.glob("step-*.safetensors")), default=0)


def result(out):
    """Returns the report and the weights that a program left."""
    with np.load(out) as saved:
        return json.loads(str(saved["report"])), {name: saved[name] for name in saved.files if name != "report"}


def values(model):
    return {name: variable.numpy().copy() for name, variable in model.named_weights().items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--states", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    import tensorflow as tf

    from model.training.checkpoints import CheckpointStore
    from model.training.strategy import is_chief, open_strategy

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * arguments.replicas)
    chosen = from_json(TrainingSettings, arguments.settings)
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    try:
        strategy = open_strategy(chosen)
        # Several workers take the handler away.
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        store = CheckpointStore(arguments.states, {"settings": arguments.settings}) if arguments.states else None
        training, model = make_training(
            arguments.directory, chosen, store, strategy, is_chief=is_chief(), should_stop=lambda: bool(asked)
        )
        result = training.run()
    except W2v2Error as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if arguments.out is not None and is_chief():
        report = {"replicas": strategy.num_replicas_in_sync, **dataclasses.asdict(result)}
        np.savez(arguments.out, report=json.dumps(report), **values(model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
