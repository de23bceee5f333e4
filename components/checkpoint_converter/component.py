"""The interface of CheckpointConverter."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.checkpoint_converter.executor import Executor
from components.checkpoint_converter.settings import CheckpointSettings
from components.code_fingerprint import code_fingerprint
from components.staging import STAGING_CODE
from model.training.settings import Task


class CheckpointConverterSpec(ComponentSpec):
    """Inputs, outputs and execution properties of CheckpointConverter."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "checkpoint": ExecutionParameter(type=str),
        "language": ExecutionParameter(type=str),
        "activations": ExecutionParameter(type=str),
        "architecture": ExecutionParameter(type=str),
        "head": ExecutionParameter(type=str),
        "vocabulary": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "new_head": ExecutionParameter(type=int),
        "checkpoint_fingerprint": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class CheckpointConverter(base_component.BaseComponent):
    """Converts a published checkpoint to a model directory, or makes one with random weights.

    Examples:
      >>> converter = CheckpointConverter(
      ...     checkpoint="checkpoints/wav2vec2-base", checkpoint_fingerprint=sha256,
      ...     settings=CheckpointSettings("checkpoints/wav2vec2-base"), task="ctc", vocabulary=id_by_token)
      >>> trainer = Trainer(base_model=converter.outputs["model"], …)

    Args:
      checkpoint: A directory, a file of weights, or `hf://owner/name@commit`; what stands in `settings.source` where
        that is `random`; or `tiny`, for the checkpoint that comes with the code that converts it.
      checkpoint_fingerprint: A hash of its content and of the files that the settings name, so that what has changed is
        not served from the cache.
      settings: Language, reference activations, architecture and seed of random weights, and whether the head is new.
      task: What the model will be trained for; a head that does not serve it gives way to a new one.
      vocabulary: Id by token, of a new CTC head; empty in pre-training.
    """

    SPEC_CLASS = CheckpointConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        checkpoint: str,
        checkpoint_fingerprint: str,
        settings: CheckpointSettings,
        task: Task,
        vocabulary: Mapping[str, int],
    ) -> None:
        super().__init__(
            CheckpointConverterSpec(
                checkpoint=checkpoint,
                # TFX keeps no property without a value.
                language=settings.language or "",
                activations=settings.activations or "",
                architecture=settings.architecture or "",
                head=task,
                vocabulary=json.dumps(dict(vocabulary), ensure_ascii=False),
                seed=settings.seed,
                # The type of a property is text or a number.
                new_head=int(settings.new_head),
                checkpoint_fingerprint=checkpoint_fingerprint,
                code_fingerprint=code_fingerprint("components.checkpoint_converter", *STAGING_CODE, "model"),
                model=types.Channel(type=standard_artifacts.Model),
            )
        )
