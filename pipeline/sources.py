"""The corpus and the checkpoint of a run: what a person may name, and what is found there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from model.checkpoint.location import HUB_PREFIX
from model.errors import UsageError
from model.progress import emit
from model.settings import digest
from model.storage import release_digest, sha256_of_file
from pipeline.config import SYNTHETIC, TINY, PipelineConfig
from pipeline.workspace import Workspace

_SUBSET = re.compile(r"(train|dev|test)-[a-z0-9-]+")


@dataclasses.dataclass(frozen=True)
class Sources:
    """The corpus and the checkpoint of a run, found and read.

    Attributes:
      corpus_root: The directory of the corpus.
      corpus_fingerprint: Changes when the corpus does.
      checkpoint_path: The directory or file of the checkpoint, or its address on the Hub with the commit.
      checkpoint_fingerprint: Changes when the checkpoint does, or its reference activations.
      vocabulary: Id by token, of the checkpoint.
    """

    corpus_root: str
    corpus_fingerprint: str
    checkpoint_path: str
    checkpoint_fingerprint: str
    vocabulary: Mapping[str, int]


def with_absolute_sources(config: PipelineConfig) -> PipelineConfig:
    """Returns the configuration with absolute paths, so that it means the same in every directory.

    Raises:
      UsageError: the corpus or the checkpoint is of a kind that this version does not read.
    """
    corpus = config.corpus.source
    if corpus != SYNTHETIC:
        _require_corpus_kind(corpus)
        corpus = str(Path(corpus).expanduser().resolve())
    checkpoint = config.checkpoint
    source = checkpoint.source
    if source.startswith(HUB_PREFIX):
        from model.checkpoint.hub import parse_hub_reference

        parse_hub_reference(source)
    elif "://" in source:
        raise UsageError(
            f"--checkpoint must be a directory, a file of weights, or {HUB_PREFIX}owner/name, not {source!r}; download"
            " the checkpoint first and name its directory."
        )
    elif source != TINY:
        source = str(Path(source).expanduser().resolve())
    activations = checkpoint.activations and str(Path(checkpoint.activations).expanduser().resolve())
    return dataclasses.replace(
        config.with_sources(corpus, None),
        checkpoint=dataclasses.replace(checkpoint, source=source, activations=activations),
    )


def find_sources(config: PipelineConfig, workspace: Workspace) -> Sources:
    """Makes or looks at the corpus, and reads the checkpoint, which may be downloaded.

    Raises:
      DataError: the corpus is missing, empty or inconsistent, or the checkpoint is not what it must be.
      UsageError: espeak-ng is asked for and not installed, or the checkpoint does not exist.
      TryAgainError: the Hub does not answer.
    """
    from beam_jobs.librispeech import inspect_corpus, require_splits
    from beam_jobs.librispeech.references import LETTERS
    from model.checkpoint.convert import match
    from model.checkpoint.source import read_checkpoint
    from model.pretrained import TINY as TINY_CHECKPOINT

    emit("stage", {"text": "Preparing the corpus"})
    if config.corpus.source == SYNTHETIC:
        from beam_jobs.synthetic_corpus import generate

        corpus_dir = workspace.corpora_dir / f"{SYNTHETIC}-{digest(config.corpus.synthetic)[:12]}"
        generate(corpus_dir, config.corpus.synthetic)
    else:
        corpus_dir = Path(config.corpus.source)
    corpus = inspect_corpus(corpus_dir, config.ingest)
    require_splits(corpus)

    source, language = config.checkpoint.source, config.checkpoint.language
    downloads = source.startswith(HUB_PREFIX)
    emit("stage", {"text": "Downloading the checkpoint" if downloads else "Reading the checkpoint"})
    checkpoint = read_checkpoint(TINY_CHECKPOINT if source == TINY else source, language)
    # CheckpointConverter would find out, too; here it costs no minute.
    match(checkpoint)
    vocabulary = checkpoint.require_vocabulary()
    vocabulary.require_letters(LETTERS[config.ingest.transcript_normaliser], checkpoint.files.name)
    files = [*checkpoint.files.description, *checkpoint.weights]
    if config.checkpoint.activations is not None:
        files.append(Path(config.checkpoint.activations))
        if not files[-1].is_file():
            raise UsageError(f"checkpoint.activations must be a file that exists; {files[-1]} does not.")
    return Sources(
        corpus_root=corpus.root,
        corpus_fingerprint=corpus.fingerprint,
        checkpoint_path=checkpoint.files.pinned,
        checkpoint_fingerprint=release_digest({file.name: sha256_of_file(file) for file in files}),
        vocabulary=vocabulary.to_mapping(),
    )


def _require_corpus_kind(source: str) -> None:
    path = Path(source).expanduser()
    if path.is_dir():
        return
    if path.is_file():
        raise UsageError(
            f"--corpus must be 'synthetic' or a directory in LibriSpeech's layout, and {source} is a file; unpack it"
            " and name the directory."
        )
    if "://" in source or (not path.exists() and all(_SUBSET.fullmatch(part) for part in source.split(","))):
        raise UsageError(
            f"--corpus must be 'synthetic' or a directory in LibriSpeech's layout, not {source!r}; this version"
            " downloads nothing, so download and unpack the corpus and name its directory."
        )
