"""The interface that the evaluators share."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Evaluation
from components.code_fingerprint import code_fingerprint
from components.staging import STAGING_CODE
from model.settings import to_json


class EvaluatorSpec(ComponentSpec):
    """Inputs, outputs and execution properties of an evaluator."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "evaluation_settings": ExecutionParameter(type=str),
        "gate_settings": ExecutionParameter(type=str),
        "files_state": ExecutionParameter(type=str),
        "pipeline_name": ExecutionParameter(type=str),
        "decisions": ExecutionParameter(type=str),
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


def evaluator_spec(
    packages: tuple[str, ...],
    examples: types.BaseChannel,
    model: types.BaseChannel,
    baseline_model: types.BaseChannel | None,
    example_anomalies: types.BaseChannel,
    evaluation_settings: Any,
    gate_settings: Any,
    pipeline_name: str,
    decisions: str,
    files_state: str = "",
) -> EvaluatorSpec:
    """Returns the specification of an evaluator.

    Args:
      packages: The evaluator's own packages, whose code is part of the cache key.
      examples: From LibriSpeechExampleGen.
      model: From ReleaseExporter; the very bytes that would be published are measured.
      baseline_model: The latest blessed release.
      example_anomalies: From ExampleValidator.
      evaluation_settings: What to measure, a dataclass.
      gate_settings: What to ask for, a dataclass.
      pipeline_name: Becomes a property of the blessing, by which the baseline is looked for on Vertex AI.
      decisions: Where the decisions of people lie, a directory or a gs:// address; what they rejected is not blessed.
      files_state: What changes when a file does that the settings name, so that the evaluator is not served from the
        cache then.
    """
    return EvaluatorSpec(
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        example_anomalies=example_anomalies,
        evaluation_settings=to_json(evaluation_settings),
        gate_settings=to_json(gate_settings),
        files_state=files_state,
        pipeline_name=pipeline_name,
        decisions=decisions,
        code_fingerprint=code_fingerprint(
            *packages, "components.evaluation", "components.decisions", *STAGING_CODE, "model"
        ),
        evaluation=types.Channel(type=Evaluation),
        blessing=types.Channel(type=standard_artifacts.ModelBlessing),
    )
