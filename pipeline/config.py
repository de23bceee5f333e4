"""The configuration of a pipeline: one tree of frozen dataclasses, checked when it is made.

An experiment is one Python file with a function `get_config()` that returns a `PipelineConfig`; those that come with
the project are in `pipeline/configs/`. Each layer owns the settings of its work; this module composes them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import re
from pathlib import Path

from beam_jobs import places
from beam_jobs.librispeech.obtain import named_subsets
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from components.checkpoint_converter.settings import RANDOM, CheckpointSettings
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.release_exporter.settings import ReleaseSettings
from components.wer_evaluator.settings import EvaluationSettings, GateSettings, require_answers
from model.errors import ConfigurationError
from model.export.destinations.settings import PublicationSettings
from model.settings import require
from model.training.settings import Task, TrainingSettings
from pipeline.vertex.schedule_settings import ScheduleSettings
from pipeline.vertex.settings import VertexSettings

CONFIGS_DIRECTORY = Path(__file__).parent / "configs"
SYNTHETIC = "synthetic"

_SETTINGS_BY_TASK: dict[str, dict[Task, type]] = {
    "gate": {"ctc": GateSettings, "pretraining": PretrainingGateSettings},
    "evaluation": {"ctc": EvaluationSettings, "pretraining": PretrainingEvaluationSettings},
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """Where the recorded speech comes from.

    Attributes:
      source: `synthetic`; subsets of LibriSpeech by name, which are downloaded; a directory in its layout; an archive;
        a manifest of own recordings; or, where no transcripts are asked for, a folder of them. `--corpus` takes its
        place.
      synthetic: How the synthetic corpus is made.
    """

    source: str = SYNTHETIC
    synthetic: SyntheticCorpusSettings = dataclasses.field(default_factory=SyntheticCorpusSettings)

    def __post_init__(self) -> None:
        require(bool(self.source), "corpus.source must be 'synthetic' or a directory; it is empty.")

    @property
    def name(self) -> str:
        """A short name of the corpus, for the pipeline's name."""
        if self.source == SYNTHETIC:
            return SYNTHETIC
        subsets = named_subsets(self.source)
        if subsets:
            return f"librispeech-{hashlib.sha256(','.join(sorted(subsets)).encode()).hexdigest()[:6]}"
        # Two directories of the same name are two corpora, whose models must not be compared.
        address = places.absolute(self.source)
        place = hashlib.sha256(address.encode()).hexdigest()[:6]
        return f"{re.sub(r'[^a-z0-9]+', '-', places.name_of(address).lower()).strip('-') or 'corpus'}-{place}"


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """Everything that a run depends on, but the machine.

    Attributes:
      name: The configuration's name; with the corpus's it names the pipeline, within which models are compared.
      corpus: The recorded speech.
      train: How the model is trained.
      gate: What a model must reach to be released; `PretrainingGateSettings` where the task is pre-training.
      checkpoint: What training starts from; `--checkpoint` and `--language` take the place of its fields.
      ingest: How the corpus becomes records.
      evaluation: What is measured; `PretrainingEvaluationSettings` where the task is pre-training.
      release: What is exported.
      publication: Where it is published.
      vertex: Where and how it runs on Vertex AI; None for a pipeline that runs on one machine alone.
      schedule: When it runs there by itself.
    """

    name: str
    train: TrainingSettings
    gate: GateSettings | PretrainingGateSettings
    corpus: CorpusConfig = dataclasses.field(default_factory=CorpusConfig)
    checkpoint: CheckpointSettings = dataclasses.field(default_factory=CheckpointSettings)
    ingest: IngestSettings = dataclasses.field(default_factory=IngestSettings)
    evaluation: EvaluationSettings | PretrainingEvaluationSettings = dataclasses.field(
        default_factory=EvaluationSettings
    )
    release: ReleaseSettings = dataclasses.field(default_factory=ReleaseSettings)
    publication: PublicationSettings = dataclasses.field(default_factory=PublicationSettings)
    vertex: VertexSettings | None = None
    schedule: ScheduleSettings = dataclasses.field(default_factory=ScheduleSettings)

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name) is not None,
            f"name must be small letters, digits, '-' and '_', a letter or digit first, not {self.name!r}.",
        )
        require(
            self.train.max_samples <= self.ingest.max_samples,
            f"train.max_samples must be ingest.max_samples, {self.ingest.max_samples}, at most, not"
            f" {self.train.max_samples}.",
        )
        require(
            self.ingest.needs_transcripts or self.train.task == "pretraining",
            "ingest.transcripts must be 'required' with train.task 'ctc', which learns them, not 'none'.",
        )
        require(
            not self.checkpoint.new_head or self.train.task == "ctc",
            "checkpoint.new_head must be left out with train.task 'pretraining', which has no CTC head.",
        )
        for name, classes in _SETTINGS_BY_TASK.items():
            wanted, given = classes[self.train.task], type(getattr(self, name))
            require(
                given is wanted,
                f"{name} must be {wanted.__name__}(…) with train.task {self.train.task!r}, not {given.__name__}(…).",
            )
        if isinstance(self.gate, GateSettings) and isinstance(self.evaluation, EvaluationSettings):
            require_answers(self.evaluation, self.gate)
        if self.vertex is not None:
            self.vertex.require_suits(self.train)

    @property
    def pipeline_name(self) -> str:
        """The name under which the metadata store knows this pipeline: configuration and corpus."""
        return f"{self.name}-{self.corpus.name}"

    def with_sources(self, corpus: str | None, checkpoint: str | None, language: str | None = None) -> PipelineConfig:
        """Returns the configuration with another corpus or checkpoint, where one is given.

        Another checkpoint keeps nothing of the first: neither its language nor its reference activations. Whether it
        gets a new head is up to the transcripts, and stays.
        """
        config = self
        if corpus is not None:
            config = dataclasses.replace(config, corpus=dataclasses.replace(config.corpus, source=corpus))
        if checkpoint is not None:
            architecture = config.checkpoint.architecture if checkpoint == RANDOM else None
            config = dataclasses.replace(
                config,
                checkpoint=CheckpointSettings(
                    checkpoint,
                    architecture=architecture,
                    seed=config.checkpoint.seed,
                    new_head=config.checkpoint.new_head,
                ),
            )
        if language is not None:
            config = dataclasses.replace(config, checkpoint=dataclasses.replace(config.checkpoint, language=language))
        return config


def load_config(name_or_file: str) -> PipelineConfig:
    """Returns the configuration of that name, or the one that a Python file defines.

    Raises:
      ConfigurationError: there is none, it cannot be executed, or its `get_config()` returns something else.
    """
    path = Path(name_or_file)
    if path.suffix != ".py":
        path = CONFIGS_DIRECTORY / f"{name_or_file}.py"
        if not _NAME.fullmatch(name_or_file) or not path.is_file():
            known = ", ".join(sorted(file.stem for file in CONFIGS_DIRECTORY.glob("*.py") if file.stem != "__init__"))
            raise ConfigurationError(
                f"--config must be one of {known}, or a Python file that ends in .py, not {name_or_file!r}."
            )
    elif not path.is_file():
        raise ConfigurationError(f"--config must be a file that exists; {path} does not.")
    specification = importlib.util.spec_from_file_location(f"w2v2_config_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        config = module.get_config()
    except ConfigurationError as error:
        raise ConfigurationError(f"In {path}: {error}") from error
    except Exception as error:
        raise ConfigurationError(
            f"{path} must define get_config() without an error, and it raised {type(error).__name__}: {error};"
            " correct the file."
        ) from error
    if not isinstance(config, PipelineConfig):
        raise ConfigurationError(f"get_config() of {path} must return a PipelineConfig, not {type(config).__name__}.")
    return config
