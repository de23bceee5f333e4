"""The evaluation of any model on any corpus, without a training: what `w2v2 evaluate` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs import places
from beam_jobs.evaluation.example_splits import ExampleSplits, ingest_corpus, is_examples, open_examples
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.tables import SplitTable, TableSettings, make_tables
from beam_jobs.librispeech import IngestSettings
from model.beam_search import require_usable
from model.errors import ConfigurationError
from model.export.build import PADDINGS, Padding
from model.export.obtain import ObtainedRelease, obtain_release
from model.language_model import read_words
from model.progress import emit
from model.storage import sha256_of_file

FORMAT_VERSION = 1
BOTH = "both"


@dataclasses.dataclass(frozen=True)
class EvaluationRequest:
    """What a person asks for.

    Attributes:
      model: A release, a model directory or a published checkpoint, as `obtain_release` takes it.
      corpus: What ingest takes, or a directory that it has written.
      splits: Which are evaluated; none for the test splits.
      padding: `masked`, `unmasked`, or `both`.
      baseline: A model to compare with, in each row of the tables; None for no comparison.
      language: Of MMS checkpoints.
      tables: What is in the tables.
      ingest: Settings of ingest.
      workers: Processes that read and hear.
      beam_flags: Beam's own, which say what runs the jobs, in place of `workers`.
      in_process: Whether this process does the work alone, without Beam; the two before have no meaning then.
    """

    model: str
    corpus: str
    splits: Sequence[str] = ()
    padding: str = "masked"
    baseline: str | None = None
    language: str | None = None
    tables: TableSettings = dataclasses.field(default_factory=TableSettings)
    ingest: IngestSettings = dataclasses.field(default_factory=IngestSettings)
    workers: int = 1
    beam_flags: Sequence[str] = ()
    in_process: bool = False

    def __post_init__(self) -> None:
        if self.padding not in (*PADDINGS, BOTH):
            raise ConfigurationError(f"--padding must be masked, unmasked or both, not {self.padding!r}.")

    @property
    def paddings(self) -> tuple[Padding, ...]:
        """What padding is to the model, one after the other."""
        return PADDINGS if self.padding == BOTH else tuple(one for one in PADDINGS if one == self.padding)


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluated:
    """What came out.

    Attributes:
      request: What was asked for.
      model: What was heard with.
      baseline: What it is compared with; None for no comparison.
      examples: What was heard.
      tables: One for each split.
    """

    request: EvaluationRequest
    model: ObtainedRelease
    baseline: ObtainedRelease | None
    examples: ExampleSplits
    tables: tuple[SplitTable, ...]

    @property
    def is_same_model(self) -> bool:
        """Whether the baseline is the model itself, so that nothing was compared."""
        return self.baseline is not None and self.baseline.model_digest == self.model.model_digest

    def to_mapping(self) -> dict[str, Any]:
        """Returns the document, in plain JSON values."""
        search = self.request.tables.beam_search
        info = self.examples.info
        return {
            "format_version": FORMAT_VERSION,
            "model": _described(self.model),
            "baseline": None if self.baseline is None else _described(self.baseline),
            "same_model": self.is_same_model,
            "corpus": {"source": self.request.corpus, **info.get("corpus", {})},
            "rejected": info.get("rejected"),
            "pad_to_samples": self.request.tables.pad_to_samples,
            "beam_search": None
            if search is None
            else {**dataclasses.asdict(search), "sha256": sha256_of_file(search.language_model)},
            "splits": {table.split: table.to_mapping() for table in self.tables},
        }


def evaluate(
    request: EvaluationRequest, corpora_dir: str | Path, scratch_dir: str | Path, shared_dir: str = ""
) -> Evaluated:
    """Makes the tables of a model.

    Args:
      request: What is asked for.
      corpora_dir: Gets what is downloaded and unpacked.
      scratch_dir: An empty directory of this machine for exports, to be removed afterwards.
      shared_dir: An empty place for what the workers read and write, to be removed afterwards, too; in Cloud Storage
        where the workers are on other machines. Empty for the scratch directory.

    Raises:
      W2v2Error: as `obtain_release`, `ingest_corpus`, `open_examples` and `make_tables` raise it.
    """
    scratch, shared = Path(scratch_dir), shared_dir or places.absolute(scratch_dir)
    make_pipeline = _pipeline_maker(request, shared)
    if request.tables.beam_search is not None:
        read_words(request.tables.beam_search.language_model)
    # The models first: what is wrong with them is found in seconds, and a large corpus takes long.
    models = _obtain("the model", request.model, scratch / "model", request)
    baselines: Mapping[Padding, ObtainedRelease] = {}
    if request.baseline is not None:
        baselines = _obtain("the baseline", request.baseline, scratch / "baseline", request)
    if request.tables.beam_search is not None:
        for one in (*models.values(), *baselines.values()):
            require_usable(Listener(one.directory).vocabulary, request.tables.beam_search)
    if is_examples(request.corpus):
        examples = open_examples(request.corpus, request.splits)
    else:
        _begin("Reading the corpus")
        examples = ingest_corpus(
            request.corpus, request.splits, request.ingest, str(corpora_dir), shared, make_pipeline
        )
    first = request.paddings[0]
    is_same = bool(baselines) and baselines[first].model_digest == models[first].model_digest
    tables = make_tables(
        examples,
        _reachable(models, places.join(shared, "shared-model")),
        {} if is_same else _reachable(baselines, places.join(shared, "shared-baseline")),
        _with_reachable_language_model(request.tables, shared),
        make_pipeline,
        places.join(shared, "heard"),
        _begin,
    )
    return Evaluated(request, models[first], baselines.get(first), examples, tuple(tables))


def _pipeline_maker(request: EvaluationRequest, shared: str) -> Callable[[], Any] | None:
    """Returns what makes pipelines as a person asks for them; None where Beam is not to be used."""
    if request.in_process:
        return None
    from beam_jobs import engines

    flags = request.beam_flags or engines.direct_flags(request.workers)
    make_pipeline = engines.pipeline_maker(flags)
    engines.require_reachable(flags, [shared])
    return make_pipeline


def _obtain(what: str, source: str, place: Path, request: EvaluationRequest) -> dict[Padding, ObtainedRelease]:
    _begin(f"Opening {what}")
    place.mkdir(parents=True, exist_ok=True)
    return {padding: obtain_release(source, place, padding, request.language) for padding in request.paddings}


def _reachable(releases: Mapping[Padding, ObtainedRelease], place: str) -> dict[str, str]:
    """Returns where workers find releases: where they are, or copies below a place in Cloud Storage."""
    if not places.is_remote(place):
        return {padding: str(one.directory) for padding, one in releases.items()}
    _begin("Copying to Cloud Storage")
    found: dict[str, str] = {}
    for padding, one in releases.items():
        found[padding] = places.join(place, padding)
        places.copy_tree(str(one.directory), found[padding])
    return found


def _with_reachable_language_model(tables: TableSettings, shared: str) -> TableSettings:
    search = tables.beam_search
    if search is None or not places.is_remote(shared):
        return tables
    copy = places.join(shared, Path(search.language_model).name)
    places.copy_file(search.language_model, copy)
    return dataclasses.replace(tables, beam_search=dataclasses.replace(search, language_model=copy))


def _begin(text: str) -> None:
    emit("stage", {"text": text})


def _described(one: ObtainedRelease) -> dict[str, Any]:
    return {
        "source": one.source,
        "kind": one.kind,
        "model_digest": one.model_digest,
        "release_digest": one.release_digest or None,
    }
