"""The interface of WEREvaluator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Evaluation
from components.code_fingerprint import code_fingerprint
from components.wer_evaluator.executor import Executor
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.settings import to_json


class WEREvaluatorSpec(ComponentSpec):
    """Inputs, outputs and execution properties of WEREvaluator."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "evaluation_settings": ExecutionParameter(type=str),
        "gate_settings": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "example_anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": ChannelParameter(type=Evaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class WEREvaluator(base_beam_component.BaseBeamComponent):
    """Measures the word error rate of a release and decides whether it may be published.

    Example:
      >>> evaluator = WEREvaluator(
      ...     examples=example_gen.outputs["examples"], model=exporter.outputs["release"],
      ...     baseline_model=resolver.outputs["model"], example_anomalies=validator.outputs["anomalies"],
      ...     evaluation_settings=EvaluationSettings(), gate_settings=GateSettings(max_wer=0.1))

    Args:
      examples: From LibriSpeechExampleGen.
      model: From ReleaseExporter; the very bytes that would be published are measured.
      baseline_model: The latest blessed release; it is run again on this run's test set.
      example_anomalies: From ExampleValidator.
      evaluation_settings: What to measure.
      gate_settings: What to ask for.
    """

    SPEC_CLASS = WEREvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        example_anomalies: types.BaseChannel,
        evaluation_settings: EvaluationSettings,
        gate_settings: GateSettings,
    ) -> None:
        super().__init__(
            WEREvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                example_anomalies=example_anomalies,
                evaluation_settings=to_json(evaluation_settings),
                gate_settings=to_json(gate_settings),
                code_fingerprint=code_fingerprint("components.wer_evaluator", "components.evaluation", "model"),
                evaluation=types.Channel(type=Evaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
