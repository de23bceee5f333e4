"""What reading costs: padding and processor time, beside batches that are padded to a constant length.

    make bench

The lengths are those of 219 utterances of LibriSpeech (train-clean-5 and a speaker of test-clean; openslr.org/12, CC BY
4.0), in `librispeech_durations.txt`. For the share of padding, as many as train-clean-100 has are drawn from them, and
planned in batches of 3.2 million samples, 200 seconds, as the published recipes have them. For the processor time,
records of noise with these lengths are read, checked, put through a Transform graph, decoded, normalised and masked.
Beside it stands what the GSoC'21 project did: tf.data, each utterance padded or cut to 246,000 samples; nothing is
checked or masked there. Both take turns; figures are medians. A core is a second of processor time, of all threads.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import at_least, claim, finish

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = Path(__file__).parent
CONSTANT_SAMPLES = 246_000
BATCH_SAMPLES = 3_200_000
TRAIN_CLEAN_100_UTTERANCES = 28_539
RATE_HZ = 16_000
SHARDS = 8
# The rows of a batch are a multiple of this, and there are so many times as many samples in it.
DEVICES = 8


def main() -> int:
    """Prints figures and claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures padding and processor time of the input pipeline.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    durations = np.array([int(word) for word in (HERE / "librispeech_durations.txt").read_text().split()], np.int32)
    padding, constant_padding = padding_shares(durations)
    on_devices, _ = padding_shares(durations, devices=DEVICES)
    print(
        f"padding: {100 * padding:.1f} % in 8 buckets ({100 * on_devices:.1f} % for {DEVICES} devices);"
        f" {100 * constant_padding:.1f} % where all are padded to 246,000"
    )
    with tempfile.TemporaryDirectory() as directory:
        records = write_records(Path(directory) / "Split-train", durations)
        graph = transform_graph(Path(directory), records)
        speech_seconds = float(durations.sum()) / RATE_HZ
        ways = {"ours": lambda: read_ours(records, graph), "constant": lambda: read_constant(records)}
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                seconds = measured(way)
                if number:  # the first of each traces graphs
                    spent[name].append(seconds)
    factors = {}
    for name, runs in spent.items():
        processor = statistics.median(run[0] for run in runs)
        wall = statistics.median(run[1] for run in runs)
        factors[name] = speech_seconds / processor
        spread = sorted(speech_seconds / run[0] for run in runs)
        print(
            f"{name:<9} {factors[name]:7.0f} s of speech a second of one core ({spread[0]:.0f} to {spread[-1]:.0f}),"
            f" {speech_seconds / wall:.0f} on this machine"
        )
    claims = {
        "padding_share": claim(padding, 0.08),
        "realtime_factor_per_core": at_least(factors["ours"], 200.0),
    }
    conditions = {
        "rounds": rounds,
        "padding_share_for_8_devices": round(on_devices, 3),
        "constant_padding_share": round(constant_padding, 3),
        "constant_realtime_factor_per_core": round(factors["constant"], 1),
        "ours_vs_constant": round(factors["ours"] / factors["constant"], 2),
    }
    return finish(claims, conditions)


def padding_shares(durations: np.ndarray[Any, Any], devices: int = 1) -> tuple[float, float]:
    """Returns the share of padding in all samples of an epoch: in our batches, and with one constant length."""
    from model.training.plan import BatchPlan, bucket_lengths

    drawn = np.random.default_rng(20).choice(durations, TRAIN_CLEAN_100_UTTERANCES)
    quantiles = [int(value) for value in np.quantile(drawn, np.arange(1, 65) / 64)]
    plan = BatchPlan(
        drawn, bucket_lengths(quantiles, 320, 560_000, 8), BATCH_SAMPLES * devices, seed=20, rows_multiple=devices
    )
    batches = plan.epoch(0)
    # Every row counts, also those of a last batch that is not full: on a TPU they are computed.
    computed = sum(batch.rows * batch.num_samples for batch in batches)
    cut = np.minimum(drawn, CONSTANT_SAMPLES)
    return 1.0 - float(drawn.sum()) / computed, 1.0 - float(cut.sum()) / (len(drawn) * CONSTANT_SAMPLES)


def write_records(directory: Path, durations: np.ndarray[Any, Any]) -> list[str]:
    """Writes noise of these lengths as shards of utterance records."""
    from beam_jobs.librispeech.record_file import RecordFile
    from model.examples import Utterance, encode_in_pieces

    directory.mkdir()
    random = np.random.default_rng(20)
    files = []
    for shard in range(SHARDS):
        path = directory / f"data_tfrecord-{shard:05d}-of-{SHARDS:05d}"
        with path.open("wb") as stream:
            writer = RecordFile(stream)
            for number in range(shard, len(durations), SHARDS):
                samples = random.integers(-9_000, 9_000, durations[number]).astype(np.int16)
                transcript = "SOME WORDS THAT SOMEBODY SAID " * (durations[number] // 40_000 + 1)
                utterance = Utterance(f"u-{number}", "1", "2", "F", "train", RATE_HZ, samples, transcript.strip())
                writer.write(encode_in_pieces(utterance))
        files.append(str(path))
    return files


def transform_graph(directory: Path, records: list[str]) -> Any:
    """Lets Transform learn its graph from the records, and opens it."""
    import apache_beam as beam
    import tensorflow_data_validation as tfdv
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata
    from tfx_bsl.public import tfxio

    import components.transform
    from components.trainer.transform_graph import TransformGraph
    from components.transform.preprocessing_fn import preprocessing_fn
    from model.text import librispeech_vocabulary

    schema = tfdv.load_schema_text(f"{components.transform.__path__[0]}/schema.pbtxt")
    source = tfxio.TFExampleRecord(file_pattern=records, schema=schema)
    config = {"vocabulary": librispeech_vocabulary().to_mapping()}
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(directory / "temporary")):
        data = pipeline | source.BeamSource()
        learned = (data, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, config)
        )
        _ = learned | tft_beam.WriteTransformFn(str(directory / "transform"))
        metadata = dataset_metadata.DatasetMetadata(schema)
        _ = metadata | tft_beam.WriteMetadata(str(directory / "transform" / "metadata"), pipeline)
    return TransformGraph(str(directory / "transform"))


def read_ours(records: list[str], graph: Any) -> None:
    """Reads an epoch of batches as training does, the index of the shards included."""
    from model.config import Wav2Vec2Config
    from model.record_index import read_index
    from model.training.batches import BatchReader
    from model.training.plan import BatchPlan, bucket_lengths

    index = read_index(records, "training")
    learned = graph.learned(index.read(0))
    plan = BatchPlan(index.num_samples, bucket_lengths(learned.length_quantiles, 320, 560_000, 8), BATCH_SAMPLES, 20)
    reader = BatchReader(
        index,
        graph.parse,
        Wav2Vec2Config(mask_time_prob=0.65, mask_feature_prob=0.5, mask_feature_length=64),
        draws="masks",
        max_labels=learned.max_labels,
        foreign_labels=(0, 3),
        vocab_size=32,
    )
    seen = sum(len(batch["num_samples"]) for batch in reader.once(plan))
    assert seen == len(index)


def read_constant(records: list[str]) -> None:
    """Reads the same with tf.data alone, each utterance padded or cut to one length."""
    import tensorflow as tf

    one = tf.io.FixedLenFeature([], tf.string)

    def decode(record: Any) -> Any:
        parsed = tf.io.parse_single_example(record, {"audio": one, "transcript": one})
        pcm = tf.io.decode_raw(parsed["audio"], tf.int16)[:CONSTANT_SAMPLES]
        speech = tf.cast(pcm, tf.float32) / 32768.0
        mean, variance = tf.nn.moments(speech, axes=[0])
        speech = (speech - mean) * tf.math.rsqrt(variance + 1e-5)
        silence = tf.zeros([CONSTANT_SAMPLES - tf.shape(speech)[0]])
        return tf.concat([speech, silence], axis=0), tf.strings.unicode_decode(parsed["transcript"], "UTF-8")

    dataset = (
        tf.data.TFRecordDataset(records)
        .shuffle(256, seed=20)
        .map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .padded_batch(BATCH_SAMPLES // CONSTANT_SAMPLES)
        .prefetch(2)
    )
    for _ in dataset:
        pass


def measured(way: Any) -> tuple[float, float]:
    """Returns the processor's and the clock's seconds that something takes."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    way()
    after, end = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, end - start


if __name__ == "__main__":
    sys.exit(main())
