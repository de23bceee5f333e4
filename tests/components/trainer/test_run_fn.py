"""Transform and Trainer's modules together: records in, a trained model directory and a SavedModel out."""

import json
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.public import tfxio

import components.transform
from components.trainer.run_fn import run_fn
from components.trainer.utterances import bucket_quantiles, utterances
from components.transform.preprocessing_fn import preprocessing_fn
from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, DataError
from model.examples import Utterance, encode
from model.settings import to_json
from model.text import librispeech_vocabulary
from model.training.settings import TrainingSettings

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "layer_pre_norm"
VOCABULARY = librispeech_vocabulary()
SETTINGS = TrainingSettings(steps=2, batch_samples=16_000, evaluate_every_steps=1, num_buckets=3)
LENGTHS = [3_000 + 500 * number for number in range(12)]


def write_records(path, lengths, transcript="IT'S É OK"):
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, length in enumerate(lengths):
            samples = random.integers(-9_000, 9_000, length).astype(np.int16)
            writer.write(encode(Utterance(f"1-2-{number:04d}", "1", "2", "F", "train-a", 16_000, samples, transcript)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Records, the Transform graph that was learned from them, and a model directory."""
    root = tmp_path_factory.mktemp("trainer")
    write_records(root / "train", LENGTHS)
    write_records(root / "validation", [4_000, 9_500])
    schema = tfdv.load_schema_text(f"{components.transform.__path__[0]}/schema.pbtxt")
    source = tfxio.TFExampleRecord(file_pattern=str(root / "train"), schema=schema)
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(root / "temporary")):
        data = pipeline | source.BeamSource()
        graph = (data, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, {"vocabulary": VOCABULARY.to_mapping(), "num_buckets": 3})
        )
        _ = graph | tft_beam.WriteTransformFn(str(root / "transform"))
        metadata = dataset_metadata.DatasetMetadata(schema)
        _ = metadata | tft_beam.WriteMetadata(str(root / "transform" / "metadata"), pipeline)
    convert_checkpoint(GOLDEN, root / "base")
    return root


def test_the_transform_graph_gives_labels_and_bucket_lengths(prepared):
    transform = tft.TFTransformOutput(str(prepared / "transform"))
    quantiles = bucket_quantiles([str(prepared / "train")], transform)
    assert quantiles[-1] == max(LENGTHS)
    np.testing.assert_allclose(quantiles[:2], np.quantile(LENGTHS, [1 / 3, 2 / 3]), atol=500)
    found = list(utterances([str(prepared / "train")], transform))
    assert [len(utterance["pcm"]) for utterance in found] == LENGTHS
    expected = VOCABULARY.encode("IT'S É OK")
    assert expected[5] == 3, "É is unknown"
    assert all(utterance["labels"].numpy().tolist() == expected for utterance in found)


def arguments(prepared, output, settings=SETTINGS, vocabulary=VOCABULARY, train="train", validation="validation"):
    return SimpleNamespace(
        train_files=[str(prepared / train)],
        eval_files=[str(prepared / validation)],
        transform_output=str(prepared / "transform"),
        base_model=str(prepared / "base"),
        serving_model_dir=str(output / "Format-Serving"),
        custom_config={"training_settings": to_json(settings), "vocabulary": vocabulary.to_mapping()},
    )


def test_run_fn_writes_a_trained_model_and_its_saved_model(prepared, tmp_path):
    run_fn(arguments(prepared, tmp_path, settings=TrainingSettings(
        steps=2, batch_samples=16_000, evaluate_every_steps=1, max_samples=8_000, dropout=0.2, mask_time_prob=0.1,
    )))  # fmt: skip
    trained = load_model(tmp_path / "model_directory")
    base = load_model(prepared / "base")
    assert trained.digest != base.digest
    assert trained.config.hidden_dropout == 0.2
    assert trained.config.mask_time_prob == 0.1
    before, after = base.model.named_weights(), trained.model.named_weights()
    changed = {name for name in before if (before[name].numpy() != after[name].numpy()).any()}
    assert "lm_head/kernel" in changed
    assert not any("feature_extractor" in name for name in changed), "frozen by default"
    report = json.loads((tmp_path / "model_directory" / "training.json").read_text())
    assert report["too_long_for_training"] == sum(length > 8_000 for length in LENGTHS)
    assert [m["step"] for m in report["measurements"]] == [1, 2]
    assert trained.manifest["source_checkpoint"] == base.manifest["source_checkpoint"]
    served = tf.saved_model.load(str(tmp_path / "Format-Serving"))
    waveform = np.random.default_rng(1).normal(size=(1, 8_000)).astype(np.float32)
    np.testing.assert_allclose(served(waveform).numpy(), trained.model(waveform)[0].numpy(), atol=1e-4)


def test_another_vocabulary_than_transforms_is_an_error(prepared, tmp_path):
    import dataclasses

    other = dataclasses.replace(VOCABULARY, tokens=(*VOCABULARY.tokens[:-1], "Ä"))
    with pytest.raises(CheckpointError, match="must make its labels with the vocabulary of the base model"):
        run_fn(arguments(prepared, tmp_path, vocabulary=other))


def test_a_split_without_files_or_without_utterances_is_an_error(prepared, tmp_path):
    with pytest.raises(DataError, match="The validation split must have files of examples; .*nothing matches none"):
        run_fn(arguments(prepared, tmp_path, validation="nothing"))
    (prepared / "hollow").write_bytes(b"")
    with pytest.raises(DataError, match="training split must hold an utterance; its files are empty"):
        run_fn(arguments(prepared, tmp_path, train="hollow"))
    with pytest.raises(DataError, match=r"an utterance of 400 to 500 samples \(train.max_samples\); none of its 12 is"):
        run_fn(arguments(prepared, tmp_path, settings=TrainingSettings(steps=1, max_samples=500)))
