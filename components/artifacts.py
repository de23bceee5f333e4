"""Artifact types of this project; TFX's own are used wherever one fits."""

from __future__ import annotations

from tfx.types import artifact


class Evaluation(artifact.Artifact):
    """What WEREvaluator measured, and how it judged.

        <uri>/
          metrics.json      error counts and rates by test split and slice, parity of the exports, digests
          utterances.jsonl  a line for each utterance: id, split, speaker, gender, reference, hypotheses, errors
          gate.json         the verdict, and every check with threshold, measured value, interval and reason
          report.html       all of it for people to read, in one file
          probes.npz        a few utterances with the logits and texts of the evaluated files, for the pushers

    Custom properties: `verdict`, `wer` (JSON, fraction by split), `model_digest`, `release_digest`.
    """

    TYPE_NAME = "Evaluation"
