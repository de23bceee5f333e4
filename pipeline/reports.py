"""The report of a run with what people decided since: the evaluator's page, which stays as it is, is rendered anew."""

from __future__ import annotations

from pathlib import Path

from components.evaluation.page import with_decisions
from model.errors import DataError
from model.storage import replacing
from pipeline.record import RunDirectory
from pipeline.runs import RunEntry
from pipeline.workspace import Workspace

_REPORT = "report.html"


def require_report(entry: RunEntry) -> None:
    """Raises DataError unless the evaluator's report of a run can be rendered anew."""
    with_decisions(_read(entry), entry.decisions)


def write_report(workspace: Workspace, entry: RunEntry) -> Path:
    """Writes the report of a run, with the decisions about its release, beside the run's record.

    Raises:
      DataError: the evaluator's report cannot be read.
      DiskFullError: there is no room left.
    """
    page = with_decisions(_read(entry), entry.decisions)
    path = RunDirectory(workspace.runs_dir / entry.run_id).report_file
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _read(entry: RunEntry) -> str:
    assert entry.judged is not None
    path = Path(entry.judged.evaluation.uri) / _REPORT
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(
            f"An evaluation must hold its report, and {path} cannot be read ({error}); run again with --no-cache."
        ) from error
