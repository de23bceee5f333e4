"""What a model card tells of an evaluation, read from `metrics.json` and `gate.json`."""

from __future__ import annotations

import dataclasses
import math
import shlex
from pathlib import Path
from typing import Any

from model.errors import ReleaseError
from model.export.release import Release
from model.storage import read_json, sha256_of_file

METRICS_FILE = "metrics.json"
GATE_FILE = "gate.json"

# A way that is not named here is called by its name.
_TITLE_BY_WAY = {
    "batched": "SavedModel, in batches",
    "alone": "SavedModel, one by one",
    "constant": "SavedModel, one by one, padded to",
    "onnx": "ONNX, one by one",
    "onnx_int8": "ONNX in int8, one by one",
    "beam_search": "SavedModel, in batches, beam search with a language model",
    "checkpoint": "checkpoint, on a few utterances",
}


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """What was measured of a recogniser on one test split.

    Attributes:
      name: Of the split.
      wer: Word error rate, a fraction.
      low: Lower end of its 95 % interval; None where there is none.
      high: Upper end of it.
      unit: What the interval was drawn over, `speaker` or `utterance`.
      utterances: How many were measured.
      words: In their references.
      speakers: Who spoke them; None where nobody counted.
    """

    name: str
    wer: float
    low: float | None
    high: float | None
    unit: str
    utterances: int
    words: int
    speakers: int | None


@dataclasses.dataclass(frozen=True)
class WayResult:
    """What was measured of one way of running the release: one of its files, with one decoder, in batches or alone.

    Attributes:
      name: Of the way, such as `onnx`.
      wer: Word error rate by split, a fraction.
      text_agreement: Share of the utterances with the text of the first way; None where it is not known.
      decoder: `greedy` or `beam_search`.
      pad_to_samples: The constant length that utterances were padded to; 0 for none.
    """

    name: str
    wer: dict[str, float]
    text_agreement: float | None
    decoder: str
    pad_to_samples: int

    @property
    def title(self) -> str:
        """What it is called, for people."""
        known = _TITLE_BY_WAY.get(self.name, self.name.replace("_", " "))
        return f"{known} {self.pad_to_samples:,} samples" if self.pad_to_samples else known


@dataclasses.dataclass(frozen=True)
class BackboneResult:
    """What was measured of a pre-trained model on one split.

    Attributes:
      name: Of the split.
      contrastive_loss: Per masked frame, in nats.
      low: Lower end of its 95 % interval; None where there is none.
      high: Upper end of it.
      unit: What the interval was drawn over, `speaker` or `utterance`.
      accuracy: Share of the masked frames that were told from all others.
      code_perplexity: The effective number of codes in use, summed over the groups.
      codes: How many there are.
      utterances: How many were measured.
      masked_frames: In them.
      negatives: Frames that each masked one was to be told from.
    """

    name: str
    contrastive_loss: float
    low: float | None
    high: float | None
    unit: str
    accuracy: float
    code_perplexity: float
    codes: int
    utterances: int
    masked_frames: int
    negatives: int


@dataclasses.dataclass(frozen=True)
class EvaluationSummary:
    """What a model card tells of an evaluation.

    Attributes:
      corpus: The name of the corpus, of which the splits are a part.
      splits: The splits of a recogniser's evaluation.
      backbone: The splits of a pre-trained model's evaluation.
      verdict: The gate's.
      checks: Outcome and reason of each check of the gate.
      sha256_by_file: Of the evaluation's files.
      ways: In which the release was run on these splits; the first is the one that `splits` tells of.
    """

    corpus: str
    splits: tuple[SplitResult, ...]
    backbone: tuple[BackboneResult, ...]
    verdict: str
    checks: tuple[tuple[str, str], ...]
    sha256_by_file: dict[str, str]
    ways: tuple[WayResult, ...] = ()

    @property
    def command(self) -> str:
        """The command that measures a copy of the release on the same splits again."""
        splits = " ".join(f"--split {shlex.quote(split.name)}" for split in self.splits)
        return f"w2v2 evaluate . --corpus {shlex.quote(self.corpus)} {splits}"

    @property
    def judgement(self) -> str:
        """The verdict in a sentence, without its end: what waited for a person is published only when one approved."""
        approved = ", and a person approved it" if self.verdict == "NEEDS_REVIEW" else ""
        return f"The gate's verdict was {self.verdict}{approved}"


def read_evaluation(directory: str | Path, release: Release) -> EvaluationSummary:
    """Reads `metrics.json` and `gate.json` of an evaluation.

    Raises:
      ReleaseError: a file is missing or is not what an evaluator writes, or it measured another release.
    """
    root = Path(directory)
    is_backbone = release.head == "pretraining"
    try:
        metrics, gate = read_json(root / METRICS_FILE), read_json(root / GATE_FILE)
        digests = (metrics["release_digest"], gate["release_digest"])
        measured = metrics["splits"].items()
        summary = EvaluationSummary(
            corpus=str(metrics["corpus"]["root_name"]),
            splits=() if is_backbone else tuple(_split(name, value) for name, value in measured),
            backbone=tuple(_backbone(name, value) for name, value in measured) if is_backbone else (),
            verdict=gate["verdict"],
            checks=tuple((check["verdict"], check["reason"]) for check in gate["checks"]),
            sha256_by_file={name: sha256_of_file(root / name) for name in (METRICS_FILE, GATE_FILE)},
            ways=() if is_backbone else _ways(metrics.get("ways") or {}),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(
            f"{root} must be a whole evaluation, with {METRICS_FILE} and {GATE_FILE}: {error!r}; run the evaluator"
            " again."
        ) from error
    for digest in digests:
        if digest != release.release_digest:
            raise ReleaseError(
                f"The evaluation in {root} must be of the release {release.release_digest}, and is of {digest}; run"
                " the evaluator again."
            )
    values = [split.contrastive_loss for split in summary.backbone] or [split.wer for split in summary.splits]
    if not values or not all(map(math.isfinite, values)):
        what = "contrastive loss of a split" if is_backbone else "WER of at least one test split"
        raise ReleaseError(f"{root / METRICS_FILE} must hold the {what}, as a number.")
    return summary


def _split(name: str, value: dict[str, Any]) -> SplitResult:
    words, interval = value["words"], value.get("interval") or {}
    return SplitResult(
        name=name,
        wer=float(words["wer"]),
        low=interval.get("low"),
        high=interval.get("high"),
        unit=str(interval.get("unit", "")),
        utterances=int(words["utterances"]),
        words=int(words["words"]),
        speakers=value.get("speakers"),
    )


def _ways(told: dict[str, Any]) -> tuple[WayResult, ...]:
    """Returns the ways in the order in which they are known; a way that measured no whole split is left out."""
    ways = [
        WayResult(
            name=name,
            wer={split: float(wer) for split, wer in (way.get("wer") or {}).items() if wer is not None},
            text_agreement=way.get("text_agreement"),
            decoder=str(way.get("decoder", "greedy")),
            pad_to_samples=int(way.get("pad_to_samples") or 0),
        )
        for name, way in told.items()
    ]
    order = {name: place for place, name in enumerate(_TITLE_BY_WAY)}
    return tuple(sorted((way for way in ways if way.wer), key=lambda way: (order.get(way.name, len(order)), way.name)))


def _backbone(name: str, value: dict[str, Any]) -> BackboneResult:
    interval = value.get("interval") or {}
    return BackboneResult(
        name=name,
        contrastive_loss=float(value["contrastive_loss"]),
        low=interval.get("low"),
        high=interval.get("high"),
        unit=str(interval.get("unit", "")),
        accuracy=float(value["accuracy"]),
        code_perplexity=float(value["code_perplexity"]),
        codes=int(value["codes"]),
        utterances=int(value["utterances"]),
        masked_frames=int(value["masked_frames"]),
        negatives=int(value["negatives"]),
    )
