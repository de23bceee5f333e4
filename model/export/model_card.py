"""The model card: README.md with the metadata that hubs read, made of RELEASE.json and the evaluation, never typed.

Source of the metadata's fields: Hugging Face's model card specification (`model-index`, `pipeline_tag`, …).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import ModuleType

from model.export.card_sections import kind_of, limits_section, measured_section, origin_section
from model.export.evaluation_summary import EvaluationSummary, read_evaluation
from model.export.licence import license_lines
from model.export.release import Format, Release

__all__ = ["EvaluationSummary", "model_card", "read_evaluation"]

_LIBRARY_BY_FORMAT: dict[Format, str] = {
    "saved_model": "tensorflow",
    "onnx": "onnx",
    "checkpoint": "transformers",
}
_KIND_BY_FORMAT: dict[Format, str] = {
    "saved_model": "a TensorFlow SavedModel",
    "onnx": "an ONNX file",
    "checkpoint": "a checkpoint in the published layout of PyTorch",
}
_HUB_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@.*)?", re.ASCII)


def model_card(release: Release, format_: Format, name: str, evaluation: EvaluationSummary | None) -> str:
    """Returns the content of README.md.

    Args:
      release: What is published.
      format_: `saved_model`, `onnx` or `checkpoint`.
      name: Under which it is published.
      evaluation: What was measured, on these very files; None where nothing was, and then the card says so.
    """
    kind = kind_of(release)
    return "\n".join(["---", *_front_matter(kind, release, format_, name, evaluation), "---", ""]) + "\n".join(
        _body(kind, release, format_, name, evaluation)
    )


def _front_matter(
    kind: ModuleType, release: Release, format_: Format, name: str, evaluation: EvaluationSummary | None
) -> Iterator[str]:
    """YAML, of which JSON is a part: every value is written as JSON, so that none can break out of its place."""
    yield f"language: {json.dumps([release.language])}"
    yield from license_lines(release.license)
    yield f"library_name: {_LIBRARY_BY_FORMAT[format_]}"
    yield f"pipeline_tag: {kind.PIPELINE_TAG}"
    yield f"tags: {json.dumps(kind.TAGS)}"
    if base := _base_model(release):
        yield f"base_model: {json.dumps(base)}"
    if evaluation is None:
        return
    yield f"datasets: {json.dumps([evaluation.corpus], ensure_ascii=False)}"
    yield f"metrics: {json.dumps(kind.METRICS)}"
    yield "model-index:"
    yield f"- name: {json.dumps(name)}"
    yield "  results:"
    yield from kind.results(evaluation, format_)


def _base_model(release: Release) -> str | None:
    """Returns the name on the Hugging Face Hub of the checkpoint that training started from, if it is from there."""
    found = _HUB_NAME.fullmatch(str((release.source_checkpoint or {}).get("name", "")))
    return found[1] if found else None


def _body(
    kind: ModuleType, release: Release, format_: Format, name: str, evaluation: EvaluationSummary | None
) -> Iterator[str]:
    yield f"# {name}"
    yield ""
    made_of = "This page was generated from the evaluation of exactly these files."
    yield (
        f"{kind.SUMMARY}, as {_KIND_BY_FORMAT[format_]}. It takes a waveform of"
        f" {release.sample_rate_hz} Hz of any length. {made_of if evaluation else '**Not evaluated.**'}"
    )
    yield ""
    yield "## Use"
    yield ""
    yield kind.use(release, format_)
    yield from measured_section(release, evaluation)
    yield from limits_section(release, evaluation)
    yield from origin_section(release, evaluation)
