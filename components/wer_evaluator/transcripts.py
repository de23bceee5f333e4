"""Any system's transcripts, judged by the rules that a release is judged by, as far as these need no model. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.gate import Decision
from components.evaluation.naming import BASELINE
from components.wer_evaluator.gate import decide_on_texts
from components.wer_evaluator.settings import GateSettings
from model.metrics import UNKNOWN, Score, ScoringSettings, Transcript, score
from model.settings import to_mapping
from model.version import __version__

FORMAT_VERSION = 2
TEXT_GATES = ("max_wer", "non_inferiority_margin", "max_slice_wer", "max_deletion_increase")
"""The fields of `GateSettings` that need nothing but texts."""


@dataclasses.dataclass(frozen=True)
class NamedFile:
    """A file of transcripts, as an evaluation tells it.

    Attributes:
      name: Without its directory.
      sha256: Of its content, hex.
    """

    name: str
    sha256: str


@dataclasses.dataclass(frozen=True, eq=False)
class JudgedTranscripts:
    """What is known of a system by its texts.

    Attributes:
      metrics: The content of `metrics.json`, without what only a model has.
      rows: The lines of `utterances.jsonl`.
      decision: Of the gate; None where nothing was asked for.
    """

    metrics: dict[str, Any]
    rows: list[dict[str, Any]]
    decision: Decision | None


def subsets_of(references: Sequence[Transcript], name: str) -> dict[str, list[Transcript]]:
    """Returns the references by their subsets, each of which is judged by itself, as the test splits of a release are.

    Args:
      references: What was said.
      name: Of all of them, where no subset is known.
    """
    known = any(one.subset for one in references)
    found: dict[str, list[Transcript]] = {}
    for one in references:
        found.setdefault((one.subset or UNKNOWN) if known else name, []).append(one)
    return dict(sorted(found.items()))


def judge_transcripts(
    references: Mapping[str, Sequence[Transcript]],
    heard: Mapping[str, str],
    baseline: Mapping[str, str] | None,
    files: Mapping[str, NamedFile],
    scoring: ScoringSettings,
    gate: GateSettings | None,
) -> JudgedTranscripts:
    """Judges a system, alone or against another.

    Args:
      references: What was said, by subset, as `subsets_of` gives it.
      heard: What the system heard, by id, of these utterances and no others.
      baseline: What another system heard, likewise.
      files: Where the texts come from: `references`, `hypotheses`, and `baseline` where there is one. The sha256 of the
        hypotheses stands for the digest of a model.
      scoring: How texts are compared.
      gate: What is asked for; None for nothing.

    Raises:
      DataError: no reference of a subset has a word.
    """
    scores = {subset: _score(own, heard, baseline, scoring) for subset, own in references.items()}
    asked = {} if gate is None else {name: value for name in TEXT_GATES if (value := getattr(gate, name)) is not None}
    metrics: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "expected_splits": list(references),
        "splits": {subset: found.to_mapping() for subset, found in scores.items()},
        "files": {name: dataclasses.asdict(file) for name, file in files.items()},
        "release_name": files["hypotheses"].name,
        "model_digest": files["hypotheses"].sha256,
        "release_digest": None,
        "baseline": None if baseline is None else _told(files[BASELINE]),
        "code": {"version": __version__},
        "configuration": {"scoring": to_mapping(scoring), "gate": asked},
    }
    decision = None if gate is None else decide_on_texts(metrics, gate)
    return JudgedTranscripts(metrics, _rows(references, scores), decision)


def _score(
    references: Sequence[Transcript],
    heard: Mapping[str, str],
    baseline: Mapping[str, str] | None,
    scoring: ScoringSettings,
) -> Score:
    ids = [one.utterance_id for one in references]
    theirs = None if baseline is None else {name: baseline[name] for name in ids}
    return score(references, {name: heard[name] for name in ids}, theirs, scoring)


def _told(file: NamedFile) -> dict[str, Any]:
    return {
        "same": False,
        "error": None,
        "note": None,
        "model_digest": file.sha256,
        "release_digest": None,
        "release_name": file.name,
    }


def _rows(references: Mapping[str, Sequence[Transcript]], scores: Mapping[str, Score]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for subset, found in scores.items():
        known = {one.utterance_id: one for one in references[subset]}
        for row in found.rows:
            one = known[row.utterance_id]
            told = {"split": subset, "speaker_id": one.speaker, "gender": one.gender, "seconds": one.seconds}
            rows.append({**row.to_mapping(), **told})
    return rows
