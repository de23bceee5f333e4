"""The interface of CheckpointConverter."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.checkpoint_converter.executor import Executor
from components.code_fingerprint import code_fingerprint


class CheckpointConverterSpec(ComponentSpec):
    """Inputs, outputs and execution properties of CheckpointConverter."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "checkpoint": ExecutionParameter(type=str),
        "checkpoint_fingerprint": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class CheckpointConverter(base_component.BaseComponent):
    """Converts a checkpoint in the published PyTorch layout to a model directory.

    Example:
      >>> converter = CheckpointConverter(checkpoint="checkpoints/wav2vec2-base", checkpoint_fingerprint=sha256)
      >>> trainer = Trainer(base_model=converter.outputs["model"], …)

    Args:
      checkpoint: The directory with `config.json` and `model.safetensors`.
      checkpoint_fingerprint: A hash of its content, so that a changed checkpoint is not served from the cache.
    """

    SPEC_CLASS = CheckpointConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, checkpoint: str, checkpoint_fingerprint: str) -> None:
        super().__init__(
            CheckpointConverterSpec(
                checkpoint=checkpoint,
                checkpoint_fingerprint=checkpoint_fingerprint,
                code_fingerprint=code_fingerprint("components.checkpoint_converter", "model"),
                model=types.Channel(type=standard_artifacts.Model),
            )
        )
