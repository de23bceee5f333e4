"""`w2v2 review`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands.options import JsonOption, WorkspaceOption, workspace_at
from pipeline.commands.outcome import console, print_json


def review(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's id or its beginning; default: the newest with a verdict."),
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Show the gates of a run, with their reasons, and where its HTML report is."""
    from pipeline.runs import latest_evaluated, read_run, read_runs

    place = workspace_at(workspace)
    entry = latest_evaluated(read_runs(place), place) if run_id is None else read_run(place, place.find_run(run_id))
    if as_json:
        return print_json(entry.to_json())
    from pipeline.display import show_review

    show_review(console(), entry)
    return 0
