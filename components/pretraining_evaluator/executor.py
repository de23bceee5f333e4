"""The work of PretrainingEvaluator."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils

from components.evaluation.blessing import bless, read_anomalies, read_training, write_evaluation
from components.pretraining_evaluator.gate import decide
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
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
              `baseline_model`, `baseline_model_id`, `model_digest`, `release_digest`; a file BLESSED or NOT_BLESSED.
          exec_properties:
            - evaluation_settings: JSON of `PretrainingEvaluationSettings`.
            - gate_settings: JSON of `PretrainingGateSettings`.
            - code_fingerprint: part of the cache key only.

        Raises:
          ReleaseError: the candidate is not what ReleaseExporter wrote, or was not pre-trained.
          DiskFullError: there is no room left.
        """
        from components.pretraining_evaluator.measure import measure
        from components.pretraining_evaluator.report import render_report

        examples = artifact_utils.get_single_instance(input_dict["examples"])
        release = artifact_utils.get_single_instance(input_dict["model"])
        baselines = input_dict.get("baseline_model") or []
        baseline = baselines[0] if baselines else None
        measured = measure(
            examples.uri,
            release.uri,
            None if baseline is None else baseline.uri,
            from_json(PretrainingEvaluationSettings, exec_properties["evaluation_settings"]),
        )
        anomalies = read_anomalies(input_dict.get("example_anomalies") or [])
        metrics = {**measured.metrics, "anomalies": anomalies, "training": read_training(release.uri)}
        decision = decide(metrics, from_json(PretrainingGateSettings, exec_properties["gate_settings"]))

        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        report = render_report(decision, metrics, measured.rows)
        write_evaluation(evaluation, decision, metrics, measured.rows, report, measured.probes)
        names = ("contrastive_loss", "accuracy", "code_perplexity")
        measures = {split: {name: found[name] for name in names} for split, found in metrics["splits"].items()}
        evaluation.set_string_custom_property("measures", json.dumps(measures))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        bless(blessing, decision, metrics, release, baseline)
