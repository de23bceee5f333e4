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
        "language": ExecutionParameter(type=str),
        "activations": ExecutionParameter(type=str),
        "checkpoint_fingerprint": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class CheckpointConverter(base_component.BaseComponent):
    """Converts a published checkpoint to a model directory.

    Example:
      >>> converter = CheckpointConverter(checkpoint="checkpoints/wav2vec2-base", checkpoint_fingerprint=sha256)
      >>> trainer = Trainer(base_model=converter.outputs["model"], …)

    Args:
      checkpoint: A directory, a file of weights, or `hf://owner/name@commit`.
      checkpoint_fingerprint: A hash of its content and of `activations`, so that what has changed is not served from
        the cache.
      language: The language of an MMS model whose adapter is to be used; None for that of the checkpoint itself.
      activations: A file of reference activations that the model must reproduce; None for none.
    """

    SPEC_CLASS = CheckpointConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        checkpoint: str,
        checkpoint_fingerprint: str,
        language: str | None = None,
        activations: str | None = None,
    ) -> None:
        super().__init__(
            CheckpointConverterSpec(
                checkpoint=checkpoint,
                # TFX keeps no property without a value.
                language=language or "",
                activations=activations or "",
                checkpoint_fingerprint=checkpoint_fingerprint,
                code_fingerprint=code_fingerprint("components.checkpoint_converter", "model"),
                model=types.Channel(type=standard_artifacts.Model),
            )
        )
