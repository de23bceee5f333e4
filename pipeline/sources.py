"""The corpus and the checkpoint of a run: what a person may name, and what is found there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from components.checkpoint_converter.settings import RANDOM, TINY
from components.wer_evaluator.settings import EvaluationSettings
from model.architectures import ARCHITECTURES
from model.beam_search import require_usable
from model.checkpoint.location import HUB_PREFIX
from model.errors import UsageError
from model.progress import emit
from model.settings import digest
from model.storage import release_digest, sha256_of_file
from model.text import Vocabulary
from pipeline.config import SYNTHETIC, PipelineConfig
from pipeline.workspace import Workspace


@dataclasses.dataclass(frozen=True)
class Sources:
    """The corpus and the checkpoint of a run, found and read.

    Attributes:
      corpus_root: The directory of the corpus.
      corpus_fingerprint: Changes when the corpus does.
      checkpoint_path: The directory or file of the checkpoint, or its address on the Hub with the commit; or `random`.
      checkpoint_fingerprint: Changes when the checkpoint does, or a file that its settings name.
      vocabulary: Id by token, of the CTC head; empty in pre-training.
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
    from beam_jobs import places
    from beam_jobs.librispeech.obtain import named_subsets

    corpus = config.corpus.source
    if corpus != SYNTHETIC:
        corpus = absolute_corpus(corpus)
        if subsets := named_subsets(corpus):
            config = dataclasses.replace(config, ingest=dataclasses.replace(config.ingest, subsets=subsets))
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
    elif source not in (TINY, RANDOM):
        source = _absolute(source)
    architecture = checkpoint.architecture
    if architecture is not None and architecture not in ARCHITECTURES:
        architecture = _absolute(architecture)
    activations = checkpoint.activations and _absolute(checkpoint.activations)
    evaluation = config.evaluation
    if isinstance(evaluation, EvaluationSettings) and evaluation.beam_search is not None:
        search = evaluation.beam_search
        search = dataclasses.replace(search, language_model=places.absolute(search.language_model))
        evaluation = dataclasses.replace(evaluation, beam_search=search)
    publication = config.publication
    if publication.destination:
        publication = dataclasses.replace(publication, destination=places.absolute(publication.destination))
    return dataclasses.replace(
        config.with_sources(corpus, None),
        evaluation=evaluation,
        publication=publication,
        checkpoint=dataclasses.replace(checkpoint, source=source, activations=activations, architecture=architecture),
    )


def absolute_corpus(source: str) -> str:
    """Returns the names of subsets, each once, or an absolute path or address.

    Raises:
      UsageError: it is nothing that this version reads.
    """
    from beam_jobs import places
    from beam_jobs.librispeech.obtain import named_subsets

    if subsets := named_subsets(source):
        return ",".join(subsets)
    _require_corpus_kind(source)
    return places.absolute(source)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def find_sources(config: PipelineConfig, workspace: Workspace) -> Sources:
    """Makes, fetches or looks at the corpus, and reads the checkpoint, which may be downloaded.

    Raises:
      DataError: the corpus is missing, empty or inconsistent, or the checkpoint is not what it must be.
      UsageError: espeak-ng is asked for and not installed, or the checkpoint does not exist.
      TryAgainError: the Hub does not answer.
    """
    from beam_jobs.librispeech import inspect_corpus, require_splits
    from beam_jobs.librispeech.obtain import obtain_corpus

    emit("stage", {"text": "Preparing the corpus"})
    if config.corpus.source == SYNTHETIC:
        corpus_dir = make_synthetic_corpus(config, workspace)
    else:
        obtained = obtain_corpus(config.corpus.source, workspace.corpora_dir)
        corpus_dir = obtained.root
    corpus = inspect_corpus(corpus_dir, config.ingest)
    require_splits(corpus, is_tested=config.train.task == "ctc")

    start = find_start(config)
    return Sources(
        corpus_root=corpus.root,
        corpus_fingerprint=corpus.fingerprint,
        checkpoint_path=start.path,
        checkpoint_fingerprint=start.fingerprint,
        vocabulary={} if start.vocabulary is None else start.vocabulary.to_mapping(),
    )


def make_synthetic_corpus(config: PipelineConfig, workspace: Workspace) -> Path:
    """Returns the directory of the synthetic corpus, which is made where it is not there yet.

    Raises:
      UsageError: espeak-ng is not installed.
    """
    from beam_jobs.synthetic_corpus import generate

    directory = workspace.corpora_dir / f"{SYNTHETIC}-{digest(config.corpus.synthetic)[:12]}"
    generate(directory, config.corpus.synthetic)
    return directory


@dataclasses.dataclass(frozen=True)
class Start:
    """What training starts from.

    Attributes:
      path: Where it is; or `random`.
      fingerprint: A hash of it, and of the files that its settings name.
      vocabulary: The tokens of its CTC head; None in pre-training.
    """

    path: str
    fingerprint: str
    vocabulary: Vocabulary | None


def find_start(config: PipelineConfig) -> Start:
    """Reads the checkpoint, or the architecture of random weights.

    CheckpointConverter would find out what is wrong with it, too; here it costs no minute.

    Raises:
      CheckpointError: the checkpoint is not what it must be.
      UsageError: it does not exist.
      TryAgainError: the Hub does not answer.
    """
    from model.architectures import find_architecture
    from model.checkpoint.convert import match
    from model.checkpoint.source import read_checkpoint
    from model.checkpoint.target import target_of
    from model.pretrained import TINY as TINY_CHECKPOINT

    settings, task = config.checkpoint, config.train.task
    vocabulary = config.ingest.vocabulary if task == "ctc" else None
    if settings.architecture is not None:
        architecture = find_architecture(settings.architecture)
        return Start(RANDOM, digest(architecture), vocabulary)
    downloads = settings.source.startswith(HUB_PREFIX)
    emit("stage", {"text": "Downloading the checkpoint" if downloads else "Reading the checkpoint"})
    source = TINY_CHECKPOINT if settings.source == TINY else settings.source
    checkpoint = read_checkpoint(source, settings.language)
    match(checkpoint)
    target = target_of(checkpoint, task, vocabulary, settings.new_head)
    if target.vocabulary is not None:
        target.vocabulary.require_letters(config.ingest.letters, checkpoint.files.name)
    files = [*checkpoint.files.description, *checkpoint.weights]
    if settings.activations is not None:
        files.append(Path(settings.activations))
        if not files[-1].is_file():
            raise UsageError(f"checkpoint.activations must be a file that exists; {files[-1]} does not.")
    fingerprint = release_digest({file.name: sha256_of_file(file) for file in files})
    return Start(checkpoint.files.pinned, fingerprint, target.vocabulary)


def state_of_language_model(config: PipelineConfig, vocabulary: Mapping[str, int], scratch_dir: Path) -> str:
    """Returns what changes when the language model does; empty where none is named.

    One that cannot be used is said before anything is trained.

    Args:
      config: May name it.
      vocabulary: Id by token, of the CTC head.
      scratch_dir: Gets a copy for a moment, where it lies in Cloud Storage.

    Raises:
      UsageError: the file does not exist, or the extra 'lm' is not installed.
      DataError: it is no language model, or does not fit the tokens.
    """
    from beam_jobs import places

    if not isinstance(config.evaluation, EvaluationSettings) or config.evaluation.beam_search is None:
        return ""
    search = config.evaluation.beam_search
    place = search.language_model
    if not places.is_file(place):
        raise UsageError(
            f"evaluation.beam_search.language_model must be a file in the ARPA format, and {place} is none; name"
            " another."
        )
    with places.here(place, scratch_dir) as file:
        require_usable(Vocabulary.from_mapping(vocabulary), dataclasses.replace(search, language_model=str(file)))
    return places.stamps([place])[0]


def _require_corpus_kind(source: str) -> None:
    from beam_jobs import places
    from beam_jobs.librispeech.archives import ARCHIVE_SUFFIXES
    from beam_jobs.librispeech.manifest import NAMED_MANIFEST_SUFFIXES
    from beam_jobs.librispeech.published import PUBLISHED

    path = Path(source).expanduser()
    known = (
        "'synthetic', subsets of LibriSpeech such as train-clean-100,test-clean, a directory in its layout, an archive"
        " of it, or a manifest of own recordings (.tsv, .csv or .jsonl)"
    )
    if places.is_remote(source):
        # Whether it exists is seen when it is read.
        return
    if "://" in source:
        raise UsageError(f"--corpus must be {known}, of this machine or under gs://, not {source!r}; copy it there.")
    if path.is_file() and not path.name.lower().endswith((*ARCHIVE_SUFFIXES, *NAMED_MANIFEST_SUFFIXES)):
        raise UsageError(f"--corpus must be {known}; {source} is another kind of file.")
    if not path.exists():
        raise UsageError(
            f"--corpus must be {known}; {source} does not exist, and the subsets are {', '.join(PUBLISHED)}."
        )
