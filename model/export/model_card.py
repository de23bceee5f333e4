"""The model card: README.md with the metadata that hubs read, made of RELEASE.json and the evaluation, never typed.

Source of the metadata's fields: Hugging Face's model card specification (`model-index`, `pipeline_tag`, …).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import ReleaseError
from model.export.release import ONNX, Format, Release
from model.storage import read_json, sha256_of_file

METRICS_FILE = "metrics.json"
GATE_FILE = "gate.json"

_SYNTHETIC_SUFFIX = "-synthetic"
_LIBRARY_BY_FORMAT: dict[Format, str] = {"saved_model": "tensorflow", "onnx": "onnx"}
_USE_BY_FORMAT: dict[Format, str] = {
    "saved_model": """\
```python
import tensorflow as tf

model = tf.saved_model.load(".")  # or hub.load(…)
outputs = model.signatures["transcribe"](
    waveform=waveform,        # float32 [batch, samples], {rate} Hz, as recorded, padded at the end
    num_samples=num_samples,  # int32 [batch], the samples of each that are no padding
)
outputs["text"], outputs["logits"], outputs["num_frames"]
```

To fine-tune, use `hub.KerasLayer(".", trainable=True)`: it takes normalised waveforms (`model.normalise(waveform)`) and
gives logits. The signatures `serving_default` and `with_lengths` take normalised `input_values`.
""",
    "onnx": """\
```python
from model.transcriber import Transcriber  # of wav2vec2-tfx; needs no TensorFlow

print(Transcriber(".").transcribe("some.flac").text)
```

`onnx/model.onnx` takes `input_values`, float32 `[batch, samples]`, {rate} Hz, each normalised to mean 0 and variance 1
where `preprocessor_config.json` says so, and gives `logits` `[batch, frames, vocab]`. It knows no lengths: give it
utterances one by one, or of equal length.
""",
}


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """What was measured on one test split.

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
class EvaluationSummary:
    """What a model card tells of an evaluation.

    Attributes:
      corpus: The name of the corpus, of which the test splits are a part.
      splits: The test splits.
      verdict: The gate's.
      checks: Outcome and reason of each check of the gate.
      sha256_by_file: Of the evaluation's files.
    """

    corpus: str
    splits: tuple[SplitResult, ...]
    verdict: str
    checks: tuple[tuple[str, str], ...]
    sha256_by_file: dict[str, str]


def read_evaluation(directory: str | Path, release: Release) -> EvaluationSummary:
    """Reads `metrics.json` and `gate.json` of an evaluation.

    Raises:
      ReleaseError: a file is missing or is not what WEREvaluator writes, or it measured another release.
    """
    root = Path(directory)
    try:
        metrics, gate = read_json(root / METRICS_FILE), read_json(root / GATE_FILE)
        digests = (metrics["release_digest"], gate["release_digest"])
        summary = EvaluationSummary(
            corpus=str(metrics["corpus"]["root_name"]),
            splits=tuple(_split(name, value) for name, value in metrics["splits"].items()),
            verdict=gate["verdict"],
            checks=tuple((check["verdict"], check["reason"]) for check in gate["checks"]),
            sha256_by_file={name: sha256_of_file(root / name) for name in (METRICS_FILE, GATE_FILE)},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(
            f"{root} must be a whole evaluation, with {METRICS_FILE} and {GATE_FILE}: {error!r}; run the evaluator"
            " again."
        ) from error
    for measured in digests:
        if measured != release.release_digest:
            raise ReleaseError(
                f"The evaluation in {root} must be of the release {release.release_digest}, and is of {measured}; run"
                " the evaluator again."
            )
    if not summary.splits or not all(math.isfinite(split.wer) for split in summary.splits):
        raise ReleaseError(f"{root / METRICS_FILE} must hold the WER of at least one test split, as a number.")
    return summary


def model_card(release: Release, format_: Format, name: str, evaluation: EvaluationSummary) -> str:
    """Returns the content of README.md.

    Args:
      release: What is published.
      format_: `saved_model` or `onnx`.
      name: Under which it is published.
      evaluation: What was measured, on these very files.
    """
    return "\n".join(["---", *_front_matter(release, format_, name, evaluation), "---", ""]) + "\n".join(
        _body(release, format_, name, evaluation)
    )


def _split(name: str, value: dict[str, Any]) -> SplitResult:
    interval = value.get("interval") or {}
    return SplitResult(
        name=name,
        wer=float(value["wer"]),
        low=interval.get("low"),
        high=interval.get("high"),
        unit=str(interval.get("unit", "")),
        utterances=int(value["utterances"]),
        words=int(value["words"]),
        speakers=value.get("speakers"),
    )


def _front_matter(release: Release, format_: Format, name: str, evaluation: EvaluationSummary) -> Iterator[str]:
    """YAML, of which JSON is a part: every value is written as JSON, so that none can break out of its place."""
    yield f"language: {json.dumps([release.language])}"
    yield f"license: {json.dumps(release.license)}"
    yield f"library_name: {_LIBRARY_BY_FORMAT[format_]}"
    yield "pipeline_tag: automatic-speech-recognition"
    yield f"tags: {json.dumps(['automatic-speech-recognition', 'audio', 'speech', 'wav2vec2', 'ctc'])}"
    yield f"datasets: {json.dumps([evaluation.corpus], ensure_ascii=False)}"
    yield f"metrics: {json.dumps(['wer'])}"
    yield "model-index:"
    yield f"- name: {json.dumps(name)}"
    yield "  results:"
    for split in evaluation.splits:
        title = "WER" if split.low is None else f"WER (95 % interval {_range(split)})"
        corpus, part, both = (
            json.dumps(text, ensure_ascii=False)
            for text in (evaluation.corpus, split.name, f"{evaluation.corpus} {split.name}")
        )
        yield "  - task: {type: automatic-speech-recognition, name: Automatic Speech Recognition}"
        yield f"    dataset: {{name: {both}, type: {corpus}, split: {part}}}"
        yield "    metrics:"
        yield f"    - {{type: wer, value: {100 * split.wer:.2f}, name: {json.dumps(title, ensure_ascii=False)}}}"


def _body(release: Release, format_: Format, name: str, evaluation: EvaluationSummary) -> Iterator[str]:
    source = release.source_checkpoint
    kind = "an ONNX file" if format_ == ONNX else "a TensorFlow SavedModel"
    yield f"# {name}"
    yield ""
    yield (
        f"Wav2Vec2 with a CTC head for speech recognition, as {kind}. It takes a waveform of"
        f" {release.sample_rate_hz} Hz of any length. This page was generated from the evaluation of"
        " exactly these files."
    )
    yield ""
    yield "## Use"
    yield ""
    yield _USE_BY_FORMAT[format_].replace("{rate}", str(release.sample_rate_hz))
    yield "## Measured"
    yield ""
    yield f"On the test splits of the corpus {_cell(evaluation.corpus)}, other parts of which it was trained on:"
    yield ""
    yield "| test split | WER | 95 % interval | utterances | words | speakers |"
    yield "|---|---|---|---|---|---|"
    for split in evaluation.splits:
        interval = "none" if split.low is None else f"{_range(split)} (over {split.unit}s)"
        counts = f"{split.utterances:,} | {split.words:,} | {'unknown' if split.speakers is None else split.speakers}"
        yield f"| {_cell(split.name)} | {_percent(split.wer)} | {interval} | {counts} |"
    yield ""
    yield f"Greedy decoding, no language model. The gate's verdict was {evaluation.verdict}:"
    yield ""
    for outcome, reason in evaluation.checks:
        yield f"- {_cell(outcome)}: {_cell(reason)}"
    yield ""
    yield "## Limits"
    yield ""
    for limit in _limits(evaluation):
        yield f"- {limit}"
    yield ""
    yield "## Where it comes from"
    yield ""
    yield "| | |"
    yield "|---|---|"
    if source:
        checkpoint, sha256 = (_cell(str(source.get(key, ""))) for key in ("name", "sha256"))
        yield f"| trained from | {checkpoint} (sha256 `{sha256}`) |"
    yield f"| release digest | `{release.release_digest}` |"
    yield f"| model digest | `{release.model_digest}` |"
    for file, sha256 in sorted(evaluation.sha256_by_file.items()):
        yield f"| sha256 of the evaluation's {file} | `{sha256}` |"
    for software, version in sorted(release.versions.items()):
        yield f"| {_cell(software)} | {_cell(version)} |"
    yield ""


def _limits(evaluation: EvaluationSummary) -> Iterator[str]:
    for split in evaluation.splits:
        yield (
            f"About {100 * split.wer:.0f} errors in 100 words of {_cell(split.name)}. Nothing is known of other"
            " speakers, accents, microphones, noise or subjects; measure it on your own recordings before you rely"
            " on it."
        )
        if split.name.endswith(_SYNTHETIC_SUFFIX):
            yield (
                f"{_cell(split.name)} is not spoken by people: it is the voice of a speech synthesiser. On people's"
                " speech expect far more errors."
            )
        if split.unit == "utterance":
            yield (
                f"{_cell(split.name)} has too few speakers to draw over, so its interval is over utterances and"
                " narrower than what other speakers would show."
            )
    yield "The text holds the letters of vocab.json only: no punctuation, and no digits where there are none in it."
    yield "It writes something for any sound, speech or not, and gives no measure of its confidence."


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _range(split: SplitResult) -> str:
    assert split.low is not None
    assert split.high is not None
    return f"{100 * split.low:.1f} to {_percent(split.high)}"


def _cell(text: str) -> str:
    """Text from elsewhere, in one line of Markdown and without what would end a table's cell or begin HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
