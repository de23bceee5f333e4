"""The interface of PretrainingEvaluator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Evaluation
from components.code_fingerprint import code_fingerprint
from components.pretraining_evaluator.executor import Executor
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from model.settings import to_json


class PretrainingEvaluatorSpec(ComponentSpec):
    """Inputs, outputs and execution properties of PretrainingEvaluator."""

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


class PretrainingEvaluator(base_beam_component.BaseBeamComponent):
    """Measures the contrastive loss of a pre-trained release and decides whether it may be published.

    Example:
      >>> evaluator = PretrainingEvaluator(
      ...     examples=example_gen.outputs["examples"], model=exporter.outputs["release"],
      ...     baseline_model=resolver.outputs["model"], example_anomalies=validator.outputs["anomalies"],
      ...     evaluation_settings=PretrainingEvaluationSettings(),
      ...     gate_settings=PretrainingGateSettings(max_contrastive_loss=2.0, min_code_perplexity=100))

    Args:
      examples: From LibriSpeechExampleGen.
      model: From ReleaseExporter; the very bytes that would be published are measured.
      baseline_model: The latest blessed release; it is run again on this run's split, with the same masks.
      example_anomalies: From ExampleValidator.
      evaluation_settings: What to measure.
      gate_settings: What to ask for.
    """

    SPEC_CLASS = PretrainingEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        example_anomalies: types.BaseChannel,
        evaluation_settings: PretrainingEvaluationSettings,
        gate_settings: PretrainingGateSettings,
    ) -> None:
        super().__init__(
            PretrainingEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                example_anomalies=example_anomalies,
                evaluation_settings=to_json(evaluation_settings),
                gate_settings=to_json(gate_settings),
                code_fingerprint=code_fingerprint("components.pretraining_evaluator", "components.evaluation", "model"),
                evaluation=types.Channel(type=Evaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
