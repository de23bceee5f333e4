"""The interface of ReleaseExporter."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.code_fingerprint import code_fingerprint
from components.release_exporter.executor import Executor
from components.release_exporter.settings import ReleaseSettings
from components.staging import STAGING_CODE
from model.settings import to_json


class ReleaseExporterSpec(ComponentSpec):
    """Inputs, outputs and execution properties of ReleaseExporter."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "settings": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"release": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class ReleaseExporter(base_component.BaseComponent):
    """Exports a trained model once, as SavedModel and ONNX, so that what is measured is what is published.

    The output is a standard Model artifact, since LatestBlessedModelStrategy knows no other type.

    Examples:
      >>> exporter = ReleaseExporter(model=trainer.outputs["model"], settings=ReleaseSettings(name="wav2vec2-tiny"))
      >>> evaluator = WEREvaluator(model=exporter.outputs["release"], …)

    Args:
      model: Trainer's Model, with a model directory under `model_directory/`.
      settings: Name, licence and so on.
      examples: On whose validation split it is measured how much of the model bears int8; None where the model is no
        recogniser.
    """

    SPEC_CLASS = ReleaseExporterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, model: types.BaseChannel, settings: ReleaseSettings, examples: types.BaseChannel | None = None
    ) -> None:
        super().__init__(
            ReleaseExporterSpec(
                model=model,
                examples=examples,
                settings=to_json(settings),
                code_fingerprint=code_fingerprint("components.release_exporter", *STAGING_CODE, "model"),
                release=types.Channel(type=standard_artifacts.Model),
            )
        )
