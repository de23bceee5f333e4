"""The report of a run as it stands when the run has ended, or somebody has decided about its model.

The evaluator's page stays as it is in its artifact: a node that is served from the cache must not depend on what other
runs found. Its copy beside the run's record also holds what people decided, and the evaluations so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from components.decisions import WORDS
from components.evaluation.history import PastEvaluation
from components.evaluation.page import with_decisions, with_history
from model.storage import replacing
from pipeline.evaluations import read_report
from pipeline.record import RunDirectory
from pipeline.run_entry import RunEntry
from pipeline.workspace import Workspace

_MEASURE_OF_BACKBONE = "contrastive_loss"


def require_report(entry: RunEntry) -> None:
    """Raises DataError unless the evaluator's report of a run can be rendered anew."""
    assert entry.judged is not None
    with_decisions(read_report(entry.judged.evaluation.uri), entry.decisions)


def render_report(entry: RunEntry, runs: Iterable[RunEntry]) -> str:
    """Returns the report of a run, with decisions and history.

    Args:
      entry: The run, which has judged a model.
      runs: All runs that are known, in any order.

    Raises:
      DataError: the evaluator's report cannot be read.
      TryAgainError: Cloud Storage does not answer.
    """
    assert entry.judged is not None
    page = with_decisions(read_report(entry.judged.evaluation.uri), entry.decisions)
    return with_history(page, past_evaluations(entry, runs))


def write_report(workspace: Workspace, entry: RunEntry, runs: Iterable[RunEntry]) -> Path:
    """Writes the report of a run, with decisions and history, beside the run's record.

    Args:
      workspace: Where the run lies.
      entry: The run, which has judged a model.
      runs: All runs of the workspace, in any order.

    Raises:
      DataError: the evaluator's report cannot be read.
      DiskFullError: there is no room left.
    """
    page = render_report(entry, runs)
    path = RunDirectory(workspace.runs_dir / entry.run_id).report_file
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def past_evaluations(entry: RunEntry, runs: Iterable[RunEntry]) -> tuple[PastEvaluation, ...]:
    """Returns the evaluations of a run's pipeline up to that run, the oldest first.

    An evaluation that was served from the cache, or taken over by a partial run, is the one that it was before, and is
    told once: of the run that made it. One that cannot be read is left out.

    Args:
      entry: The run.
      runs: All runs that are known, in any order.
    """
    of_pipeline = [one for one in runs if one.pipeline == entry.pipeline and _began(one) < _began(entry)]
    found: dict[str, PastEvaluation] = {}
    for one in sorted([*of_pipeline, entry], key=_began):
        if one.judged is None or one.verdict is None or one.problem:
            continue
        uri = one.judged.evaluation.uri
        is_this = entry.judged is not None and uri == entry.judged.evaluation.uri
        found.setdefault(uri, _summary(one, is_this))
    return tuple(found.values())


def _summary(entry: RunEntry, is_this: bool) -> PastEvaluation:
    if _is_recogniser(entry):
        measure, values = "WER", entry.wer
    else:
        measure = "contrastive loss, nats"
        values = {split: found.get(_MEASURE_OF_BACKBONE) for split, found in entry.measures.items()}
    last = entry.decision
    return PastEvaluation(
        run_id=entry.run_id,
        when=entry.record.started,
        verdict=str(entry.verdict),
        measure=measure,
        values=values,
        decision="" if last is None else f"{WORDS[last.decision]} by {last.who}: {last.reason}",
        is_this=is_this,
    )


def _is_recogniser(entry: RunEntry) -> bool:
    """Tells by the configuration; an evaluation that measured nothing does not say."""
    return entry.record.config.get("train", {}).get("task", "ctc") == "ctc"


def _began(entry: RunEntry) -> tuple[str, str]:
    """Returns by what runs are ordered; on Vertex AI their names alone do not tell when they began."""
    return entry.record.started, entry.run_id
