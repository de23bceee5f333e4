"""The interface of LibriSpeechExampleGen."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from beam_jobs.librispeech import CODE_OF_RECORDS, IngestSettings
from components.code_fingerprint import code_fingerprint
from components.librispeech_example_gen.executor import Executor
from model.settings import to_json


class LibriSpeechExampleGenSpec(ComponentSpec):
    """Inputs, outputs and execution properties of LibriSpeechExampleGen."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "corpus_root": ExecutionParameter(type=str),
        "corpus_fingerprint": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
        "staging_dir": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012


class LibriSpeechExampleGen(base_beam_component.BaseBeamComponent):
    """Writes a corpus in LibriSpeech's layout as examples, one record for each utterance.

    Examples:
      >>> example_gen = LibriSpeechExampleGen(
      ...     corpus_root="LibriSpeech", corpus_fingerprint=summary.fingerprint, settings=IngestSettings(),
      ...     staging_dir="workspace/staging")
      >>> statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])

    Args:
      corpus_root: The directory of the corpus.
      corpus_fingerprint: As `inspect_corpus` gives it; without it, a changed corpus would be served from the cache.
        Empty for a corpus that may change, where nothing is served from the cache; or `made:` and what changes when the
        corpus is made in another way.
      settings: Of the job.
      staging_dir: Where unfinished work is kept; a directory that outlives the run.
    """

    SPEC_CLASS = LibriSpeechExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, corpus_root: str, corpus_fingerprint: str, settings: IngestSettings, staging_dir: str) -> None:
        super().__init__(
            LibriSpeechExampleGenSpec(
                corpus_root=corpus_root,
                corpus_fingerprint=corpus_fingerprint,
                settings=to_json(settings),
                staging_dir=staging_dir,
                code_fingerprint=code_fingerprint("components.librispeech_example_gen", *CODE_OF_RECORDS),
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
