"""Transform and Trainer's modules together: records in, a trained model directory and a SavedModel out."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.public import tfxio

import components.transform
from beam_jobs import places
from components.trainer.process import _read_request, main, train
from components.trainer.request import TrainingRequest
from components.trainer.run_fn import _leave_request, run_fn
from components.trainer.transform_graph import TransformGraph
from components.transform.preprocessing_fn import preprocessing_fn
from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, DataError, UsageError
from model.examples import Utterance, encode
from model.settings import from_json, to_json
from model.storage import sha256_of_files
from model.text import librispeech_vocabulary
from model.training.settings import TrainingSettings
from tests.micro_training import clusters

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2" / "layer_pre_norm"
VOCABULARY = librispeech_vocabulary()
SETTINGS = TrainingSettings(steps=2, batch_samples=16_000, evaluate_every_steps=1, num_buckets=3)
LENGTHS = [3_000 + 500 * number for number in range(12)]


def write_records(path, lengths, transcript="IT'S OK"):
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
    write_records(root / "validation", [4_000, 9_500, 300])
    schema = tfdv.load_schema_text(f"{components.transform.__path__[0]}/schema.pbtxt")
    source = tfxio.TFExampleRecord(file_pattern=str(root / "train"), schema=schema)
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(root / "temporary")):
        data = pipeline | source.BeamSource()
        graph = (data, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, {"vocabulary": VOCABULARY.to_mapping()})
        )
        _ = graph | tft_beam.WriteTransformFn(str(root / "transform"))
        metadata = dataset_metadata.DatasetMetadata(schema)
        _ = metadata | tft_beam.WriteMetadata(str(root / "transform" / "metadata"), pipeline)
    convert_checkpoint(GOLDEN, root / "base")
    return root


def test_the_transform_graph_gives_labels_and_quantiles(prepared):
    graph = TransformGraph(str(prepared / "transform"))
    records = [bytes(record) for record in tf.data.TFRecordDataset(str(prepared / "train")).as_numpy_iterator()]
    learned = graph.learned(records[3])
    assert learned.length_quantiles[-1] == max(LENGTHS)
    assert len(learned.length_quantiles) == 64
    expected = np.quantile(LENGTHS, np.arange(1, 65) / 64)
    np.testing.assert_allclose(learned.length_quantiles, expected, atol=500)
    assert learned.max_labels == len("IT'S OK")
    parsed = graph.parse(tf.constant(records))
    assert [len(audio) // 2 for audio in parsed["audio"].numpy()] == LENGTHS
    assert parsed["utterance_id"].numpy()[2] == b"1-2-0002"
    assert parsed["labels"].to_list() == [VOCABULARY.encode("IT'S OK")] * len(LENGTHS)


def request(prepared, output, settings=SETTINGS, vocabulary=VOCABULARY, train="train", validation="validation"):
    return TrainingRequest(
        settings=settings,
        train_files=(str(prepared / train),),
        eval_files=(str(prepared / validation),),
        transform_output=str(prepared / "transform"),
        base_model=str(prepared / "base"),
        output_dir=str(output),
        serving_dir=str(output / "Format-Serving"),
        model_run_dir=str(output / "model_run"),
        vocabulary=vocabulary.to_mapping() if vocabulary else {},
        staging_dir=str(output / "staging"),
        code_fingerprint="abc",
    )


def arguments(asked):
    """As TFX hands them over."""
    return SimpleNamespace(
        train_files=list(asked.train_files),
        eval_files=list(asked.eval_files),
        transform_output=asked.transform_output,
        base_model=asked.base_model,
        serving_model_dir=asked.serving_dir,
        model_run_dir=asked.model_run_dir,
        custom_config={
            "training_settings": to_json(asked.settings),
            "vocabulary": dict(asked.vocabulary),
            "staging_dir": asked.staging_dir,
            "code_fingerprint": asked.code_fingerprint,
        },
    )


MASKED = TrainingSettings(
    steps=2, batch_samples=16_000, evaluate_every_steps=1, max_samples=8_000, dropout=0.2, mask_time_prob=0.1
)


@pytest.fixture(scope="module")
def output(prepared, tmp_path_factory):
    """What a training writes."""
    directory = tmp_path_factory.mktemp("output")
    run_fn(arguments(request(prepared, directory, MASKED)))
    return directory


def test_run_fn_writes_a_trained_model_and_its_saved_model(prepared, output):
    trained = load_model(output / "model_directory")
    base = load_model(prepared / "base")
    assert trained.digest != base.digest
    assert trained.config == base.config, "what the settings put in the place of its dropouts was for this training"
    before, after = base.model.named_weights(), trained.model.named_weights()
    changed = {name for name in before if (before[name].numpy() != after[name].numpy()).any()}
    assert "lm_head/kernel" in changed
    assert not any("feature_extractor" in name for name in changed), "frozen by default"
    report = json.loads((output / "model_directory" / "training.json").read_text())
    # The longest bucket holds the longest that may be trained on, in whole frames.
    assert report["bucket_lengths_samples"][-1] == 8_000
    assert report["left_out"] == sum(length > 8_000 for length in LENGTHS)
    assert report["training_utterances"] == len(LENGTHS)
    assert report["validation_left_out"] == 1, "it has no frame"
    assert report["devices"] == ["_DefaultDistributionStrategy", 1]
    assert [m["step"] for m in report["measurements"]] == [1, 2]
    assert trained.manifest["source_checkpoint"] == base.manifest["source_checkpoint"]
    served = tf.saved_model.load(str(output / "Format-Serving"))
    waveform = np.random.default_rng(1).normal(size=(1, 8_000)).astype(np.float32)
    np.testing.assert_allclose(served(waveform).numpy(), trained.model(waveform)[0].numpy(), atol=1e-4)

    assert list((output / "model_run").iterdir()), "events for TensorBoard"
    (states,) = (output / "staging").iterdir()
    identity = json.loads((states / "identity.json").read_text())
    assert identity["start"] == base.digest
    assert "strategy" not in identity["settings"], "on other devices it is the same training"


def test_models_and_graph_can_be_in_cloud_storage(prepared, output, tmp_path, bucket):
    """States, examples and events go by TensorFlow's file systems, which no server of a test can be put under."""
    run = "gs://speech/run"
    for name in ("base", "transform"):
        places.copy_tree(str(prepared / name), f"{run}/{name}")
    places.write_bytes(f"{run}/model/model_directory/half", b"of a first try")
    asked = dataclasses.replace(
        request(prepared, tmp_path, MASKED),
        base_model=f"{run}/base", transform_output=f"{run}/transform", serving_dir=f"{run}/model/Format-Serving",
    )  # fmt: skip
    run_fn(arguments(asked))
    places.copy_tree(f"{run}/model", str(tmp_path / "copy"))
    assert load_model(tmp_path / "copy" / "model_directory").digest == load_model(output / "model_directory").digest
    names = {name for name in sha256_of_files(output) if name.startswith(("Format-Serving/", "model_directory/"))}
    assert sha256_of_files(tmp_path / "copy").keys() == names
    waveform = np.random.default_rng(1).normal(size=(1, 8_000)).astype(np.float32)
    served = [tf.saved_model.load(str(root / "Format-Serving"))(waveform) for root in (tmp_path / "copy", output)]
    np.testing.assert_array_equal(*served)

    with pytest.raises(CheckpointError, match="must make its labels with the vocabulary of the base model"):
        train(dataclasses.replace(asked, output_dir=f"{run}/model", vocabulary={}))
    assert places.list_tree(f"{run}/model") == []


def test_the_request_for_other_workers_can_be_in_cloud_storage(prepared, tmp_path, bucket, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(clusters(2)[0]))
    asked = dataclasses.replace(request(prepared, tmp_path), staging_dir="gs://speech/staging/training")
    _leave_request(asked)
    assert _read_request("gs://speech/staging/training/request.json") == asked
    with pytest.raises(UsageError, match=r"cannot be read \(There is no object gs://speech/none\.\); start the run"):
        _read_request("gs://speech/none")


def test_what_went_wrong_in_the_process_is_raised_here(prepared, tmp_path):
    other = dataclasses.replace(VOCABULARY, tokens=(*VOCABULARY.tokens[:-1], "Ä"))
    with pytest.raises(CheckpointError, match="must make its labels with the vocabulary of the base model"):
        run_fn(arguments(request(prepared, tmp_path, vocabulary=other)))


def test_a_checkpoint_of_the_other_task_is_an_error(prepared, tmp_path):
    settings = dataclasses.replace(SETTINGS, task="pretraining")
    with pytest.raises(CheckpointError, match="with the head 'pretraining', and this one has 'ctc'"):
        train(request(prepared, tmp_path, settings))


def test_a_split_without_files_or_without_utterances_is_an_error(prepared, tmp_path):
    with pytest.raises(DataError, match="The validation split must have files of examples; .*nothing matches none"):
        train(request(prepared, tmp_path, validation="nothing"))
    (prepared / "hollow").write_bytes(b"")
    with pytest.raises(DataError, match="training split must hold an utterance; its 1 files are empty"):
        train(request(prepared, tmp_path, train="hollow"))
    with pytest.raises(DataError, match=r"an utterance of 400 to 500 samples \(train.max_samples\); none of its 12 is"):
        train(request(prepared, tmp_path, TrainingSettings(steps=1, max_samples=500)))


def test_a_missing_shard_is_an_error(prepared, tmp_path):
    """Ingest has said how many utterances there are; which shards there are does not say, for some may be empty."""
    split = tmp_path / "examples" / "Split-train"
    split.mkdir(parents=True)
    (split / "data_tfrecord-00000-of-00002").write_bytes((prepared / "train").read_bytes())
    info = {"splits": {"train": {"utterances": len(LENGTHS) + 5}}}
    (tmp_path / "examples" / "dataset_info.json").write_text(json.dumps(info))
    asked = dataclasses.replace(request(prepared, tmp_path), train_files=(str(split / "*"),))
    with pytest.raises(DataError, match=r"must hold the 17 utterances that .* its 1 files hold 12: a shard is missing"):
        train(asked)


def test_a_transcript_that_cannot_be_spelt_is_an_error(prepared, tmp_path):
    write_records(prepared / "foreign", [4_000, 5_000], "ES IST SCHÖN")
    with pytest.raises(
        DataError, match=r"letters of the vocabulary, and these are not: 1-2-000\d.*; choose a checkpoint"
    ):
        train(request(prepared, tmp_path, train="foreign"))


@pytest.mark.e2e
def test_another_worker_is_started_with_the_request_that_the_first_leaves(prepared, tmp_path, monkeypatch):
    first, second = clusters(2)
    settings = dataclasses.replace(SETTINGS, strategy="multi_worker")
    asked = tmp_path / "staging" / "request.json"
    start = 'until [ -f "$1" ]; do sleep 0.1; done; exec "$0" -m components.trainer.process "$1"'
    worker = subprocess.Popen(
        ["bash", "-c", start, sys.executable, str(asked)],
        env={**os.environ, "TF_CONFIG": json.dumps(second)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    monkeypatch.setenv("TF_CONFIG", json.dumps(first))
    run_fn(arguments(request(prepared, tmp_path, settings)))
    stdout, _ = worker.communicate(timeout=600)
    assert worker.returncode == 0
    assert json.loads(stdout.splitlines()[-1])["steps"] == SETTINGS.steps
    report = json.loads((tmp_path / "model_directory" / "training.json").read_text())
    assert report["devices"][1] == 2
    assert from_json(TrainingRequest, asked.read_text()) == request(prepared, tmp_path, settings)


def test_a_request_that_is_not_there_is_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("model.fresh_process.end_with_parent", lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main([str(tmp_path / "none.json")]) == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "must be JSON, or a file with it; " in json.loads(capsys.readouterr().out)["error"]
