"""From a corpus in LibriSpeech's layout to shards of utterance records."""

from beam_jobs.librispeech.corpus import CorpusSummary, inspect_corpus, require_splits
from beam_jobs.librispeech.settings import IngestSettings

__all__ = ["CODE_OF_RECORDS", "CorpusSummary", "IngestSettings", "inspect_corpus", "require_splits"]

# What decides what a record holds: a job does not go on with shards that other code has written.
CODE_OF_RECORDS = (
    "beam_jobs.librispeech",
    "model.alphabet",
    "model.audio",
    "model.containers",
    "model.examples",
    "model.flac",
    "model.text",
)
