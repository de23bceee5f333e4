"""The work of WEREvaluator."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils

from components.wer_evaluator.gate import Decision, decide
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.settings import from_json
from model.storage import replacing, write_json

_ANOMALIES_FILE = "SchemaDiff.pb"


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
        """Evaluates a release. A model that is rejected is no failure of the node.

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
            - evaluation_settings: JSON of `EvaluationSettings`.
            - gate_settings: JSON of `GateSettings`.
            - code_fingerprint: part of the cache key only.

        Raises:
          ReleaseError: the candidate is not what ReleaseExporter wrote.
          DiskFullError: there is no room left.
        """
        from components.wer_evaluator.measure import measure
        from components.wer_evaluator.report import render_report

        examples = artifact_utils.get_single_instance(input_dict["examples"])
        release = artifact_utils.get_single_instance(input_dict["model"])
        baselines = input_dict.get("baseline_model") or []
        baseline = baselines[0] if baselines else None
        measured = measure(
            examples.uri,
            artifact_utils.decode_split_names(examples.split_names),
            release.uri,
            None if baseline is None else baseline.uri,
            from_json(EvaluationSettings, exec_properties["evaluation_settings"]),
        )
        anomalies = read_anomalies(input_dict.get("example_anomalies") or [])
        metrics = {**measured.metrics, "anomalies": anomalies}
        decision = decide(metrics, from_json(GateSettings, exec_properties["gate_settings"]))

        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        root = Path(evaluation.uri)
        write_json(root / "metrics.json", metrics)
        write_json(root / "gate.json", gate_mapping(decision, metrics))
        _write_text(
            root / "utterances.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in measured.rows)
        )
        _write_text(root / "report.html", render_report(decision, metrics, measured.rows))
        _write_probes(root / "probes.npz", measured.probes)
        wer = {split: found["wer"] for split, found in metrics["splits"].items()}
        evaluation.set_string_custom_property("verdict", decision.verdict)
        evaluation.set_string_custom_property("wer", json.dumps(wer))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        for artifact in (evaluation, blessing):
            artifact.set_string_custom_property("model_digest", metrics["model_digest"])
            artifact.set_string_custom_property("release_digest", metrics["release_digest"])
        _bless(blessing, decision.verdict == "ACCEPT", release, baseline)


def read_anomalies(artifacts: list[types.Artifact]) -> dict[str, list[str]] | None:
    """Returns the anomalies that ExampleValidator found, by split; None where they cannot be read."""
    if not artifacts:
        return None
    found: dict[str, list[str]] = {}
    for artifact in artifacts:
        for split in artifact_utils.decode_split_names(artifact.split_names):
            path = Path(artifact.uri) / f"Split-{split}" / _ANOMALIES_FILE
            if not path.is_file():
                return None
            anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
            found[split] = [
                f"{name}: {info.short_description}" for name, info in sorted(anomalies.anomaly_info.items())
            ]
    return found or None


def gate_mapping(decision: Decision, metrics: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of `gate.json`."""
    return {
        "format_version": 1,
        "verdict": decision.verdict,
        "reasons": list(decision.reasons),
        "checks": [dataclasses.asdict(check) for check in decision.checks],
        "model_digest": metrics["model_digest"],
        "release_digest": metrics["release_digest"],
    }


def _bless(blessing: types.Artifact, blessed: bool, release: types.Artifact, baseline: types.Artifact | None) -> None:
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    _write_text(Path(blessing.uri) / name, "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    )
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, release.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, release.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_probes(path: Path, probes: dict[str, Any]) -> None:
    import numpy as np

    content = io.BytesIO()
    np.savez(content, **probes)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
