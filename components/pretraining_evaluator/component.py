"""The interface of PretrainingEvaluator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec

from components.evaluation.interface import EvaluatorSpec, evaluator_spec
from components.pretraining_evaluator.executor import Executor
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings


class PretrainingEvaluator(base_beam_component.BaseBeamComponent):
    """Measures the contrastive loss of a pre-trained release and decides whether it may be published.

    Examples:
      >>> evaluator = PretrainingEvaluator(
      ...     examples=example_gen.outputs["examples"], model=exporter.outputs["release"],
      ...     baseline_model=resolver.outputs["model"], example_anomalies=validator.outputs["anomalies"],
      ...     evaluation_settings=PretrainingEvaluationSettings(),
      ...     gate_settings=PretrainingGateSettings(max_contrastive_loss=2.0, min_code_perplexity=100),
      ...     pipeline_name="pretrain_local-synthetic",
      ...     decisions="workspace/pipelines/pretrain_local-synthetic/decisions")

    Args:
      examples: From LibriSpeechExampleGen.
      model: From ReleaseExporter; the very bytes that would be published are measured.
      baseline_model: The latest blessed release; it is run again on this run's split, with the same masks.
      example_anomalies: From ExampleValidator.
      evaluation_settings: What to measure.
      gate_settings: What to ask for.
      pipeline_name: Of the pipeline within which models are compared.
      decisions: Where the decisions of people about its releases lie.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        example_anomalies: types.BaseChannel,
        evaluation_settings: PretrainingEvaluationSettings,
        gate_settings: PretrainingGateSettings,
        pipeline_name: str,
        decisions: str,
    ) -> None:
        super().__init__(
            evaluator_spec(
                ("components.pretraining_evaluator",),
                examples,
                model,
                baseline_model,
                example_anomalies,
                evaluation_settings,
                gate_settings,
                pipeline_name,
                decisions,
            )
        )
