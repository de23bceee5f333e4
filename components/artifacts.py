"""Artifact types of this project; TFX's own are used wherever one fits."""

from __future__ import annotations

from tfx.types import artifact


class Evaluation(artifact.Artifact):
    """What WEREvaluator or PretrainingEvaluator measured, and how it judged.

        <uri>/
          metrics.json      error counts and rates, or contrastive loss and use of the codes, by split; parity of the
                            exports, digests; of a recogniser also each way of running it, speed, sizes and leakage
          utterances.jsonl  a line for each utterance: id, split, speaker, gender, and its text in each way and its
                            errors, or its loss
          gate.json         the verdict, and every check with threshold, measured value, interval and reason
          gate.junit.xml    the same as JUnit XML, for CI: a test case for each check
          report.html       all of it for people to read, in one file
          probes.npz        a few utterances with what the evaluated files made of them, for the pushers

    Custom properties: `verdict`, `wer` (JSON, fraction by split) or `measures` (JSON, numbers by name and split),
    `model_digest`, `release_digest`, `gate_sha256` (of `gate.json`).
    """

    # On Vertex AI it is the title of a schema, of two parts, and the path by which a task imports the class.
    TYPE_NAME = "components.Evaluation"
