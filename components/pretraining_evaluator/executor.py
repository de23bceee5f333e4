"""The work of PretrainingEvaluator."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils

from components.evaluation.blessing import Inputs, conclude
from components.pretraining_evaluator.gate import decide
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.staging import staged
from model.settings import from_json


class Executor(tfx_evaluator.Executor):
    """Measures, decides, writes.

    A subclass of TFX's evaluator: only its blessings are found by the compiled resolver of the latest blessed model.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates a pre-trained release. A model that is rejected is no failure of the node.

        Args:
          input_dict:
            - examples: one Examples with `dataset_info.json` at its root.
            - model: one Model, the release that is judged.
            - baseline_model: the latest blessed release, or nothing.
            - example_anomalies: one ExampleAnomalies.
          output_dict:
            - evaluation: one Evaluation; its docstring draws the directory.
            - blessing: one ModelBlessing. Custom properties: `blessed` (0 or 1), `current_model`, `current_model_id`,
              `baseline_model`, `baseline_model_id`, `model_digest`, `release_digest`, `w2v2_pipeline`; a file BLESSED
              or NOT_BLESSED.
          exec_properties:
            - evaluation_settings: JSON of `PretrainingEvaluationSettings`.
            - gate_settings: JSON of `PretrainingGateSettings`.
            - pipeline_name: of the pipeline within which models are compared.
            - decisions: where the decisions of people lie; what the last of them rejected is not blessed.
            - files_state, code_fingerprint: part of the cache key only.

        Raises:
          ReleaseError: the candidate is not what ReleaseExporter wrote, or was not pre-trained.
          DiskFullError: there is no room left.
          TryAgainError: Cloud Storage does not answer.
        """
        from components.pretraining_evaluator.measure import measure
        from components.pretraining_evaluator.report import render_report

        settings = from_json(PretrainingEvaluationSettings, exec_properties["evaluation_settings"])
        gate = from_json(PretrainingGateSettings, exec_properties["gate_settings"])
        with staged() as stage:
            for written in output_dict.values():
                stage.output(artifact_utils.get_single_instance(written).uri)
            inputs = Inputs.of(input_dict, stage)
            measured = measure(inputs.examples.uri, inputs.release_dir, inputs.baseline_dir, settings)
            metrics = inputs.add_to(measured.metrics, stage)
            decision = decide(metrics, gate)
            names = ("contrastive_loss", "accuracy", "code_perplexity")
            measures = {split: {name: found[name] for name in names} for split, found in metrics["splits"].items()}
            conclude(
                stage,
                output_dict,
                inputs,
                decision,
                metrics,
                measured.rows,
                render_report(decision, metrics, measured.rows),
                measured.probes,
                {"measures": measures},
                exec_properties["pipeline_name"],
                exec_properties["decisions"],
            )
