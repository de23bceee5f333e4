"""A release of a tiny model, and examples of noise for it to hear, made once for all tests of this folder."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import load_model
from model.checkpoint import convert_checkpoint
from model.examples import Utterance, encode
from model.export.build import export_release
from model.export.settings import ReleaseSettings
from model.storage import write_json

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model") / "model"
    convert_checkpoint(GOLDEN / "layer_pre_norm", directory)
    return directory


@pytest.fixture(scope="session")
def loaded(model_directory):
    return load_model(model_directory)


@pytest.fixture(scope="session")
def release(model_directory, tmp_path_factory):
    directory = tmp_path_factory.mktemp("release") / "release"
    export_release(model_directory, directory, ReleaseSettings(name="golden"))
    return directory


@pytest.fixture(scope="session")
def by_split():
    """Utterances of unequal lengths, by split; the ids are not in the order of the lengths."""
    random = np.random.default_rng(0)

    def utterance(split, speaker, number):
        samples = random.integers(-9_000, 9_000, 3_000 + 1_100 * (number * 7 % 5)).astype(np.int16)
        name = f"{speaker}-7-{number:04d}"
        return Utterance(name, speaker, "7", "MF"[int(speaker) % 2], split, 16_000, samples, "SOME WORDS HERE")

    return {
        split: [utterance(split, speaker, number) for speaker in speakers for number in range(4)]
        for split, speakers in (("test-b", ("3", "4")), ("test-a", ("1",)))
    }


@pytest.fixture
def examples(by_split, tmp_path):
    """Ingest's directory of these utterances: some shards for each split, and a split without an utterance."""
    root = tmp_path / "examples"
    for split, utterances in by_split.items():
        write_shards(root / f"Split-{split}", utterances)
    (root / "Split-test-empty").mkdir()
    splits = {split: {"utterances": len(some), "words": 3 * len(some)} for split, some in by_split.items()}
    write_json(root / "dataset_info.json", {"splits": splits})
    return root


def write_shards(directory, utterances, shards=3):
    directory.mkdir(parents=True)
    for shard in range(shards):
        path = directory / f"data_tfrecord-{shard:05d}-of-{shards:05d}"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for utterance in utterances[shard::shards]:
                writer.write(encode(utterance))
