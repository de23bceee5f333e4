"""The sections that a model card and the page for TensorFlow Hub share: what was measured, the limits, the origin."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from model.export import backbone_card, recogniser_card
from model.export.evaluation_summary import EvaluationSummary
from model.export.markdown import cell
from model.export.release import Release

_NOT_JUDGED = "No gate has judged it, and no person has approved it."


def kind_of(release: Release) -> ModuleType:
    """Returns the module that says what a model of this kind is: `recogniser_card` or `backbone_card`."""
    return backbone_card if release.head == "pretraining" else recogniser_card


def measured_section(release: Release, evaluation: EvaluationSummary | None) -> Iterator[str]:
    """Yields what was measured and how the gate judged it; None where nothing was, and then that is said."""
    yield "## Measured"
    yield ""
    if evaluation is None:
        yield "Nothing: these files were made without an evaluation."
        if release.head == "ctc":
            yield (
                "`w2v2 evaluate MODEL --corpus DIR`, of wav2vec2-tfx, measures a release with its SavedModel, or a"
                " checkpoint, on your own recordings."
            )
    else:
        yield from kind_of(release).measured(evaluation)
        yield ""
        for outcome, reason in evaluation.checks:
            yield f"- {cell(outcome)}: {cell(reason)}"
    yield ""


def limits_section(release: Release, evaluation: EvaluationSummary | None) -> Iterator[str]:
    """Yields what a user must not expect."""
    yield "## Limits"
    yield ""
    kind = kind_of(release)
    for limit in (kind.NOT_EVALUATED, _NOT_JUDGED) if evaluation is None else kind.limits(evaluation):
        yield f"- {limit}"
    yield ""


def origin_section(release: Release, evaluation: EvaluationSummary | None) -> Iterator[str]:
    """Yields where the files come from: checkpoint, digests, and the software that made them."""
    yield "## Where it comes from"
    yield ""
    yield "| | |"
    yield "|---|---|"
    if source := release.source_checkpoint:
        checkpoint, sha256 = (cell(str(source.get(key, ""))) for key in ("name", "sha256"))
        yield f"| trained from | {checkpoint} (sha256 `{sha256}`) |"
    yield f"| release digest | `{release.release_digest}` |"
    yield f"| model digest | `{release.model_digest}` |"
    for file, sha256 in sorted((evaluation.sha256_by_file if evaluation else {}).items()):
        yield f"| sha256 of the evaluation's {file} | `{sha256}` |"
    for software, version in sorted(release.versions.items()):
        yield f"| {cell(software)} | {cell(version)} |"
    yield ""
