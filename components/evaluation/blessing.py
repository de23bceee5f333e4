"""What an evaluator reads of ExampleValidator, and what it writes: the files of an evaluation, and the blessing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.types import artifact_utils

from components.evaluation.gate import Decision
from model.export.release import TRAINING_FILE
from model.storage import read_json, replacing, sha256_of_file, write_json

# The custom property of an Evaluation with the sha256 of its `gate.json`.
GATE_SHA256 = "gate_sha256"

_ANOMALIES_FILE = "SchemaDiff.pb"


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


def read_training(release_dir: str) -> dict[str, Any] | None:
    """Returns how the model of a release was trained; None where ReleaseExporter was told nothing of it."""
    path = Path(release_dir) / TRAINING_FILE
    return read_json(path) if path.is_file() else None


def write_evaluation(
    evaluation: types.Artifact,
    decision: Decision,
    metrics: dict[str, Any],
    rows: Iterable[Mapping[str, Any]],
    report: str,
    probes: Mapping[str, Any],
) -> None:
    """Writes the files of an evaluation, as `Evaluation` draws them, and the properties that every one has.

    Args:
      evaluation: The artifact.
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      report: The content of `report.html`.
      probes: The arrays of `probes.npz`.
    """
    root = Path(evaluation.uri)
    write_json(root / "metrics.json", metrics)
    write_json(root / "gate.json", decision.to_mapping(metrics))
    _write_text(root / "utterances.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    _write_text(root / "report.html", report)
    _write_probes(root / "probes.npz", probes)
    evaluation.set_string_custom_property("verdict", decision.verdict)
    # Whoever decides about the model later must find the gate as it was written here.
    evaluation.set_string_custom_property(GATE_SHA256, sha256_of_file(root / "gate.json"))
    _set_digests(evaluation, metrics)


def bless(
    blessing: types.Artifact,
    decision: Decision,
    metrics: Mapping[str, Any],
    release: types.Artifact,
    baseline: types.Artifact | None,
) -> None:
    """Writes the blessing, in the form in which the resolver of the latest blessed model looks for it.

    Args:
      blessing: The artifact.
      decision: Of the gate; only ACCEPT blesses.
      metrics: With the digests of what was judged.
      release: What was judged.
      baseline: What it was compared with.
    """
    blessed = decision.verdict == "ACCEPT"
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
    _set_digests(blessing, metrics)


def _set_digests(artifact: types.Artifact, metrics: Mapping[str, Any]) -> None:
    for name in ("model_digest", "release_digest"):
        artifact.set_string_custom_property(name, metrics[name])


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_probes(path: Path, probes: Mapping[str, Any]) -> None:
    import numpy as np

    content = io.BytesIO()
    np.savez(content, **probes)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
