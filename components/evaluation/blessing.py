"""What an evaluator reads, and what it writes: the files of an evaluation, and the blessing."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.types import artifact_utils

from beam_jobs import places
from components.decisions import last_of, read_decisions
from components.evaluation.files import write_files, write_text
from components.evaluation.gate import Decision
from components.staging import Stage
from model.export.release import TRAINING_FILE
from model.storage import read_json, replacing, sha256_of_file

# The custom property of an Evaluation with the sha256 of its `gate.json`.
GATE_SHA256 = "gate_sha256"
# That of a blessing with the name of the pipeline, by which the compiled resolver of Vertex AI looks for the baseline:
# by itself it would take that of any pipeline.
PIPELINE_PROPERTY = "w2v2_pipeline"

_ANOMALIES_FILE = "SchemaDiff.pb"


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What an evaluator is given.

    Attributes:
      examples: With `dataset_info.json` at its root.
      release: What is judged.
      release_dir: Its files, on this machine.
      baseline: The latest blessed release; None where no model was blessed yet.
      baseline_dir: Its files, on this machine.
      anomalies: Those that ExampleValidator found, by split; None where they cannot be read.
    """

    examples: types.Artifact
    release: types.Artifact
    release_dir: Path
    baseline: types.Artifact | None
    baseline_dir: Path | None
    anomalies: dict[str, list[str]] | None

    @classmethod
    def of(cls, input_dict: Mapping[str, list[types.Artifact]], stage: Stage) -> Inputs:
        """Reads the inputs that `EvaluatorSpec` names.

        Args:
          input_dict: The artifacts.
          stage: Gives the files of both releases. Examples, of which there may be many, stay where they are.
        """
        release = artifact_utils.get_single_instance(input_dict["model"])
        baselines = input_dict.get("baseline_model") or []
        return cls(
            examples=artifact_utils.get_single_instance(input_dict["examples"]),
            release=release,
            release_dir=stage.input(release.uri),
            baseline=baselines[0] if baselines else None,
            baseline_dir=stage.input(baselines[0].uri) if baselines else None,
            anomalies=read_anomalies(input_dict.get("example_anomalies") or []),
        )

    def add_to(self, metrics: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
        """Returns metrics with the anomalies, and with how the model was trained; what they name is no copy."""
        baseline = metrics.get("baseline")
        if baseline and baseline["error"]:
            metrics = {**metrics, "baseline": {**baseline, "error": stage.named(baseline["error"])}}
        return {**metrics, "anomalies": self.anomalies, "training": read_training(self.release_dir)}


def conclude(
    stage: Stage,
    output_dict: Mapping[str, list[types.Artifact]],
    inputs: Inputs,
    decision: Decision,
    metrics: dict[str, Any],
    rows: Iterable[Mapping[str, Any]],
    report: str,
    probes: Mapping[str, Any],
    properties: Mapping[str, Any],
    pipeline_name: str,
    decisions: str,
) -> None:
    """Writes the outputs that `EvaluatorSpec` names.

    Args:
      stage: Gives the directories of the outputs.
      output_dict: One Evaluation and one ModelBlessing.
      inputs: What was judged, and what it was compared with.
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      report: The content of `report.html`.
      probes: The arrays of `probes.npz`.
      properties: Custom properties of the Evaluation, by name; they are written as JSON.
      pipeline_name: Of the pipeline within which models are compared.
      decisions: Where the decisions of people lie.

    Raises:
      DataError, ReleaseError: a decision about this release cannot be read, or is about another.
      TryAgainError: Cloud Storage does not answer, or there is no room left.
    """
    evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
    write_evaluation(stage, evaluation, decision, metrics, rows, report, probes)
    for name, value in properties.items():
        evaluation.set_string_custom_property(name, json.dumps(value))
    blessing = artifact_utils.get_single_instance(output_dict["blessing"])
    last = last_of(read_decisions(decisions, metrics["release_digest"], metrics["model_digest"]))
    is_rejected = last is not None and last.decision == "reject"
    bless(stage, blessing, decision, metrics, inputs.release, inputs.baseline, pipeline_name, is_rejected)


def read_anomalies(artifacts: list[types.Artifact]) -> dict[str, list[str]] | None:
    """Returns the anomalies that ExampleValidator found, by split; None where they cannot be read."""
    if not artifacts:
        return None
    found: dict[str, list[str]] = {}
    for artifact in artifacts:
        for split in artifact_utils.decode_split_names(artifact.split_names):
            place = places.join(artifact.uri, f"Split-{split}", _ANOMALIES_FILE)
            if not places.is_file(place):
                return None
            anomalies = anomalies_pb2.Anomalies.FromString(places.read_bytes(place))
            found[split] = [
                f"{name}: {info.short_description}" for name, info in sorted(anomalies.anomaly_info.items())
            ]
    return found or None


def read_training(release_dir: Path) -> dict[str, Any] | None:
    """Returns how the model of a release was trained; None where ReleaseExporter was told nothing of it."""
    path = release_dir / TRAINING_FILE
    return read_json(path) if path.is_file() else None


def write_evaluation(
    stage: Stage,
    evaluation: types.Artifact,
    decision: Decision,
    metrics: dict[str, Any],
    rows: Iterable[Mapping[str, Any]],
    report: str,
    probes: Mapping[str, Any],
) -> None:
    """Writes the files of an evaluation, as `Evaluation` draws them, and the properties that every one has.

    Args:
      stage: Gives its directory.
      evaluation: The artifact.
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      report: The content of `report.html`.
      probes: The arrays of `probes.npz`.
    """
    root = stage.output(evaluation.uri)
    write_files(root, decision, metrics, rows, report)
    _write_probes(root / "probes.npz", probes)
    evaluation.set_string_custom_property("verdict", decision.verdict)
    # Whoever decides about the model later must find the gate as it was written here.
    evaluation.set_string_custom_property(GATE_SHA256, sha256_of_file(root / "gate.json"))
    _set_digests(evaluation, metrics)


def bless(
    stage: Stage,
    blessing: types.Artifact,
    decision: Decision,
    metrics: Mapping[str, Any],
    release: types.Artifact,
    baseline: types.Artifact | None,
    pipeline_name: str,
    is_rejected: bool = False,
) -> None:
    """Writes the blessing, in the form in which the resolver of the latest blessed model looks for it.

    Args:
      stage: Gives its directory.
      blessing: The artifact.
      decision: Of the gate; only ACCEPT blesses, unless a person has rejected the release.
      metrics: With the digests of what was judged.
      release: What was judged.
      baseline: What it was compared with.
      pipeline_name: Of the pipeline within which models are compared.
      is_rejected: Whether a person has rejected these bytes since they were first judged.
    """
    blessed = decision.verdict == "ACCEPT" and not is_rejected
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    write_text(stage.output(blessing.uri) / name, "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    )
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, release.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, release.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    blessing.set_string_custom_property(PIPELINE_PROPERTY, pipeline_name)
    _set_digests(blessing, metrics)


def _set_digests(artifact: types.Artifact, metrics: Mapping[str, Any]) -> None:
    for name in ("model_digest", "release_digest"):
        artifact.set_string_custom_property(name, metrics[name])


def _write_probes(path: Path, probes: Mapping[str, Any]) -> None:
    import numpy as np

    content = io.BytesIO()
    np.savez(content, **probes)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
