"""From a corpus in LibriSpeech's layout to shards of utterance records."""

from beam_jobs.librispeech.corpus import CorpusSummary, inspect_corpus, require_splits
from beam_jobs.librispeech.settings import IngestSettings

__all__ = ["CorpusSummary", "IngestSettings", "inspect_corpus", "require_splits"]
