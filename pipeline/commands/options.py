"""Options that several commands have, and what they stand for."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import UsageError

if TYPE_CHECKING:
    from pipeline.workspace import Workspace

DEFAULT_CONFIG = "local"

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        help="Where runs, metadata and released models lie; W2V2_WORKSPACE, or ./workspace.",
        show_default=False,
    ),
]

BeamFlagsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="BEAM_FLAG",
        help="After --, flags of Beam: --runner=DataflowRunner --project=… --region=… --temp_location=gs://…",
        show_default=False,
    ),
]
IngestConfigOption = Annotated[
    str,
    typer.Option("--config", help="The configuration whose ingest settings are taken: splits, limits, shards."),
]

LanguageOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The language of an MMS checkpoint, such as fra; default: the one it holds."),
]

AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="Start the run although another one of the pipeline has not ended."),
]


def require_extra(command: str, extra: str, package: str) -> None:
    """Raises UsageError where a command needs packages that this installation was made without."""
    if importlib.util.find_spec(package) is None:
        raise UsageError(
            f"w2v2 {command} needs the packages of the extra '{extra}', and {package} is not installed; install"
            f" wav2vec2-tfx[{extra}], or use make setup in a clone."
        )


def require_one_engine(workers: int, beam_flags: Sequence[str] | None) -> None:
    """Raises UsageError where both --workers and Beam's flags say what runs a job."""
    if beam_flags and workers > 1:
        raise UsageError("Either --workers or Beam's flags must say what runs the job, not both; leave one out.")


def workspace_at(path: Path | None) -> Workspace:
    """Returns the workspace that an option names, or the one that holds without it."""
    from pipeline.workspace import Workspace

    return Workspace.at(path)
