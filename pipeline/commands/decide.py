"""`w2v2 approve` and `w2v2 reject`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.commands.options import JsonOption, WorkspaceOption, require_extra, workspace_at
from pipeline.commands.outcome import print_json

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id or its beginning.")]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who come later.")]


def approve(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> int:
    """Approve the model of a run that waits for a review, and publish it."""
    require_extra("approve", "pipeline", "tfx")
    from pipeline.decide import approve as decide

    return _decided(decide, run_id, reason, as_json, workspace)


def reject(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: WorkspaceOption = None
) -> int:
    """Reject the model of a run: it is not published, and no later one is compared with it."""
    require_extra("reject", "pipeline", "ml_metadata")
    from pipeline.decide import reject as decide

    return _decided(decide, run_id, reason, as_json, workspace)


def _decided(decide: Callable[..., Any], run_id: str, reason: str, as_json: bool, workspace: Path | None) -> int:
    from pipeline.display import make_console, silent_console

    place = workspace_at(workspace)
    outcome = decide(place, place.find_run(run_id), reason, silent_console() if as_json else make_console())
    if as_json:
        print_json(outcome.to_json())
    return outcome.exit_code
