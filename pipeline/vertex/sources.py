"""The corpus and the checkpoint of a run on Vertex AI, and what has to be in Cloud Storage before it begins."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path
from typing import Literal

from beam_jobs import places
from beam_jobs.librispeech.corpus import MADE
from components.checkpoint_converter.settings import RANDOM, TINY
from components.code_fingerprint import code_fingerprint
from components.wer_evaluator.settings import EvaluationSettings
from model.architectures import ARCHITECTURES
from model.checkpoint.location import HUB_PREFIX
from model.errors import UsageError
from model.progress import emit
from model.settings import digest
from pipeline.config import SYNTHETIC, PipelineConfig
from pipeline.sources import Sources, find_start, state_of_language_model
from pipeline.vertex.settings import VertexSettings


@dataclasses.dataclass(frozen=True)
class Need:
    """Something that must lie in Cloud Storage before the run begins.

    Attributes:
      what: `schema`, the file `components/transform/schema.pbtxt`; or `synthetic_corpus`, the corpus that
        `corpus.synthetic` describes.
      address: Where it must lie.
    """

    what: Literal["schema", "synthetic_corpus"]
    address: str


@dataclasses.dataclass(frozen=True)
class CloudSources:
    """What `find_cloud_sources` has found.

    Attributes:
      sources: The corpus and the checkpoint.
      schema_path: Where the curated schema lies.
      language_model_state: What changes when the language model does.
      needs: What must be put in its place before the run begins.
    """

    sources: Sources
    schema_path: str
    language_model_state: str
    needs: tuple[Need, ...]


def find_cloud_sources(config: PipelineConfig, vertex: VertexSettings) -> CloudSources:
    """Finds out what the graph must know of the corpus, the checkpoint, the schema and the language model.

    A corpus that may change is not looked at, nor is the synthetic one; for another, and for a language model, Cloud
    Storage is asked. A checkpoint of the Hub is downloaded, once.

    Raises:
      UsageError: something lies where only this machine sees it, or does not exist.
      DataError: the corpus is empty or inconsistent, or the checkpoint is not what it must be.
      TryAgainError: Cloud Storage or the Hub does not answer.
    """
    _require_no_local_paths(config)
    needs = []
    if config.corpus.source == SYNTHETIC:
        made = f"{digest(config.corpus.synthetic)}{code_fingerprint('beam_jobs.synthetic_corpus')}"
        fingerprint = f"{MADE}{hashlib.sha256(made.encode()).hexdigest()}"
        name = f"{SYNTHETIC}-{digest(config.corpus.synthetic)[:12]}"
        corpus_root = places.join(vertex.pipeline_root, "corpora", name)
        needs.append(Need("synthetic_corpus", corpus_root))
    else:
        corpus_root, fingerprint = _corpus(config, vertex)
    start = find_start(config)
    vocabulary = {} if start.vocabulary is None else start.vocabulary.to_mapping()
    schema = _schema_place(vertex)
    needs.append(Need("schema", schema))
    with tempfile.TemporaryDirectory(prefix="w2v2-") as scratch:
        language_model = state_of_language_model(config, vocabulary, Path(scratch))
    return CloudSources(
        sources=Sources(
            corpus_root=corpus_root,
            corpus_fingerprint=fingerprint,
            # In the containers it lies elsewhere than here.
            checkpoint_path=TINY if config.checkpoint.source == TINY else start.path,
            checkpoint_fingerprint=start.fingerprint,
            vocabulary=vocabulary,
        ),
        schema_path=schema,
        language_model_state=language_model,
        needs=tuple(needs),
    )


def _corpus(config: PipelineConfig, vertex: VertexSettings) -> tuple[str, str]:
    """Returns where the corpus lies, and its fingerprint; an empty one for a corpus that may change."""
    address = places.absolute(config.corpus.source)
    if vertex.corpus_may_change:
        return address, ""
    from beam_jobs.librispeech import inspect_corpus, require_splits

    emit("stage", {"text": "Looking at the corpus"})
    corpus = inspect_corpus(address, config.ingest)
    require_splits(corpus, is_tested=config.train.task == "ctc")
    return corpus.root, corpus.fingerprint


def _schema_place(vertex: VertexSettings) -> str:
    """Returns where the curated schema must lie, under a name that tells its content: the cache knows only its path."""
    import components.transform

    content = (Path(components.transform.__file__).parent / "schema.pbtxt").read_bytes()
    key = hashlib.sha256(content).hexdigest()[:16]
    return places.join(vertex.pipeline_root, "schema", key, "schema.pbtxt")


def _require_no_local_paths(config: PipelineConfig) -> None:
    """Refuses what only this machine has.

    Raises:
      UsageError: a field names such a thing.
    """
    from beam_jobs.librispeech.archives import ARCHIVE_SUFFIXES

    source = config.corpus.source
    if source != SYNTHETIC and (not places.is_remote(source) or source.lower().endswith(ARCHIVE_SUFFIXES)):
        raise UsageError(
            "--corpus must be 'synthetic', or a corpus or manifest in Cloud Storage, unpacked, gs://…, for a run on"
            f" Vertex AI, not {source!r}; put it there first, as w2v2 ingest --downloads gs://… does."
        )
    checkpoint = config.checkpoint
    if checkpoint.source not in (TINY, RANDOM) and not checkpoint.source.startswith(HUB_PREFIX):
        raise UsageError(
            f"--checkpoint must be 'tiny', 'random' or {HUB_PREFIX}owner/name for a run on Vertex AI, not"
            f" {checkpoint.source!r}, which only this machine has; publish it on the Hub."
        )
    if checkpoint.architecture is not None and checkpoint.architecture not in ARCHITECTURES:
        raise UsageError(
            f"checkpoint.architecture must be one of {', '.join(ARCHITECTURES)} for a run on Vertex AI, not"
            f" {checkpoint.architecture!r}, which only this machine has."
        )
    if checkpoint.activations is not None:
        raise UsageError(
            "checkpoint.activations must be left out for a run on Vertex AI, because only this machine has the file;"
            " w2v2 convert --activations checks the checkpoint here."
        )
    if config.publication.destination and not places.is_remote(config.publication.destination):
        raise UsageError(
            "publication.destination must be gs://<bucket>/<prefix>, or left out, for a run on Vertex AI, not"
            f" {config.publication.destination!r}."
        )
    evaluation = config.evaluation
    if isinstance(evaluation, EvaluationSettings) and evaluation.beam_search is not None:
        model = evaluation.beam_search.language_model
        if not places.is_remote(model):
            raise UsageError(
                "evaluation.beam_search.language_model must be a file in Cloud Storage, gs://…, for a run on Vertex AI,"
                f" not {model!r}."
            )
