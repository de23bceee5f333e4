"""LibriSpeechExampleGen publishes splits, counts and fingerprint."""

import json
from pathlib import Path

import pytest
from tfx.types import artifact_utils, standard_artifacts

from beam_jobs import cloud_storage
from beam_jobs.librispeech import IngestSettings, inspect_corpus
from components.librispeech_example_gen.executor import Executor
from model.errors import DataError
from model.settings import to_json

pytestmark = [
    # Of connections that Beam's client leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SUBSETS = {"train-a": ["101"], "dev-a": ["103"], "test-a": ["104"], "test-b": ["105"]}


def run(corpus, tmp_path, fingerprint):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path / "examples")
    properties = {
        "corpus_root": str(corpus),
        "corpus_fingerprint": fingerprint,
        "settings": to_json(IngestSettings(num_shards_per_split=1)),
        "staging_dir": str(tmp_path / "staging"),
    }
    Executor().Do({}, {"examples": [artifact]}, properties)
    return artifact


def test_the_artifact_tells_its_splits_and_counts(make_corpus, tmp_path):
    corpus = make_corpus(SUBSETS)
    fingerprint = inspect_corpus(corpus).fingerprint
    artifact = run(corpus, tmp_path, fingerprint)
    splits = ["test-a", "test-b", "train", "validation"]
    assert artifact_utils.decode_split_names(artifact.split_names) == splits
    assert artifact.get_int_custom_property("utterances") == 12
    assert artifact.get_int_custom_property("rejected") == 0
    assert artifact.get_string_custom_property("corpus_fingerprint") == fingerprint
    files = sorted(
        path.relative_to(artifact.uri).as_posix() for path in Path(artifact.uri).rglob("*") if path.is_file()
    )
    assert files == [
        *(f"Split-{split}/data_tfrecord-00000-of-00001" for split in splits), "dataset.html",
        "dataset_info.json", "rejects.jsonl",
    ]  # fmt: skip
    assert json.loads((Path(artifact.uri) / "dataset_info.json").read_text())["written"] == 12


def test_a_corpus_that_changed_since_the_run_began_is_an_error(make_corpus, tmp_path):
    with pytest.raises(DataError, match="must stay as it is while it is read, and it has changed; run again"):
        run(make_corpus(SUBSETS), tmp_path, "another")


@pytest.mark.parametrize("fingerprint", ["", "made:of another time"])
def test_a_corpus_that_may_be_as_it_is_is_taken(make_corpus, tmp_path, fingerprint):
    corpus = make_corpus(SUBSETS)
    artifact = run(corpus, tmp_path, fingerprint)
    assert artifact.get_int_custom_property("utterances") == 12
    assert artifact.get_string_custom_property("corpus_fingerprint") == inspect_corpus(corpus).fingerprint


def test_with_dataflows_flags_the_workers_get_the_code(make_corpus, bucket, dataflow, tmp_path):
    """By the flags alone that a pipeline gives to its Beam components."""
    from tfx.dsl.components.base import base_beam_executor

    cloud_storage.upload_tree(make_corpus(SUBSETS), f"gs://{bucket.name}/data")
    artifact = standard_artifacts.Examples()
    artifact.uri = "gs://speech/examples"
    properties = {
        "corpus_root": "gs://speech/data",
        "corpus_fingerprint": inspect_corpus("gs://speech/data").fingerprint,
        "settings": to_json(IngestSettings(num_shards_per_split=1)),
        "staging_dir": "gs://speech/staging",
        "code_fingerprint": "1",
    }
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=dataflow.flags, unique_id="1", tmp_dir=str(tmp_path)
    )
    Executor(context).Do({}, {"examples": [artifact]}, properties)
    assert dataflow.errors == {}
    assert artifact.get_int_custom_property("utterances") == 12
    (job,) = dataflow.jobs
    assert [name for name in dataflow.packages_of(job) if name.startswith("w2v2_workers-")]
