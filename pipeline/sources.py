"""The corpus and the checkpoint of a run: what a person may name, and what is found there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from model.errors import UsageError
from model.progress import emit
from model.settings import digest
from model.storage import release_digest, sha256_of_file
from pipeline.config import SYNTHETIC, TINY, PipelineConfig
from pipeline.workspace import Workspace

_SUBSET = re.compile(r"(train|dev|test)-[a-z0-9-]+")
_CHECKPOINT_FILES = ("config.json", "model.safetensors", "vocab.json", "preprocessor_config.json")


@dataclasses.dataclass(frozen=True)
class Sources:
    """The corpus and the checkpoint of a run, found and read.

    Attributes:
      corpus_root: The directory of the corpus.
      corpus_fingerprint: Changes when the corpus does.
      checkpoint_path: The directory of the checkpoint.
      checkpoint_fingerprint: Changes when the checkpoint does.
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
    if "://" in checkpoint:
        raise UsageError(
            f"--checkpoint must be a directory or a model.safetensors on this machine, not {checkpoint!r}; download the"
            " checkpoint first and name its directory."
        )
    if checkpoint != TINY:
        checkpoint = str(Path(checkpoint).expanduser().resolve())
    return config.with_sources(corpus, checkpoint)


def find_sources(config: PipelineConfig, workspace: Workspace) -> Sources:
    """Makes or looks at the corpus, and reads the checkpoint.

    Raises:
      DataError: the corpus is missing, empty or inconsistent, or the checkpoint is not what it must be.
      UsageError: espeak-ng is asked for and not installed, or the checkpoint does not exist.
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

    emit("stage", {"text": "Reading the checkpoint"})
    checkpoint = read_checkpoint(TINY_CHECKPOINT if config.checkpoint == TINY else config.checkpoint)
    # CheckpointConverter would find out, too; here it costs no minute.
    match(checkpoint)
    checkpoint.vocabulary.require_letters(LETTERS[config.ingest.transcript_normaliser], str(checkpoint.directory))
    files = [checkpoint.directory / name for name in _CHECKPOINT_FILES if (checkpoint.directory / name).is_file()]
    return Sources(
        corpus_root=corpus.root,
        corpus_fingerprint=corpus.fingerprint,
        checkpoint_path=str(checkpoint.directory),
        checkpoint_fingerprint=release_digest({file.name: sha256_of_file(file) for file in files}),
        vocabulary=checkpoint.vocabulary.to_mapping(),
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
