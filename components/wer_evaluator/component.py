"""The interface of WEREvaluator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec

from components.evaluation.interface import EvaluatorSpec, evaluator_spec
from components.wer_evaluator.executor import Executor
from components.wer_evaluator.settings import EvaluationSettings, GateSettings


class WEREvaluator(base_beam_component.BaseBeamComponent):
    """Measures the word error rate of a release and decides whether it may be published.

    Examples:
      >>> evaluator = WEREvaluator(
      ...     examples=example_gen.outputs["examples"], model=exporter.outputs["release"],
      ...     baseline_model=resolver.outputs["model"], example_anomalies=validator.outputs["anomalies"],
      ...     evaluation_settings=EvaluationSettings(), gate_settings=GateSettings(max_wer=0.1),
      ...     pipeline_name="local-synthetic", decisions="workspace/pipelines/local-synthetic/decisions")

    Args:
      examples: From LibriSpeechExampleGen.
      model: From ReleaseExporter; the very bytes that would be published are measured.
      baseline_model: The latest blessed release; it is run again on this run's test set.
      example_anomalies: From ExampleValidator.
      evaluation_settings: What to measure.
      gate_settings: What to ask for.
      pipeline_name: Of the pipeline within which models are compared.
      decisions: Where the decisions of people about its releases lie.
      files_state: What changes when the language model does that the settings name.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        example_anomalies: types.BaseChannel,
        evaluation_settings: EvaluationSettings,
        gate_settings: GateSettings,
        pipeline_name: str,
        decisions: str,
        files_state: str = "",
    ) -> None:
        super().__init__(
            evaluator_spec(
                ("components.wer_evaluator", "beam_jobs.evaluation"),
                examples,
                model,
                baseline_model,
                example_anomalies,
                evaluation_settings,
                gate_settings,
                pipeline_name,
                decisions,
                files_state,
            )
        )
