"""`w2v2 review`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.completion import complete_run
from pipeline.commands.options import AnyWorkspaceOption, JsonOption, cloud_runs_at, workspace_at
from pipeline.commands.outcome import console, print_json

if TYPE_CHECKING:
    from pipeline.run_entry import RunEntry


def review(
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run's id or its beginning; default: the newest with a verdict.",
            autocompletion=complete_run,
        ),
    ] = None,
    as_json: JsonOption = False,
    workspace: AnyWorkspaceOption = None,
) -> int:
    """Show the gates of a run, with their reasons, and where its HTML report is."""
    entry = _entry(run_id, workspace)
    if as_json:
        return print_json(entry.to_json())
    from pipeline.display import show_review

    show_review(console(), entry)
    return 0


def _entry(run_id: str | None, workspace: str | None) -> RunEntry:
    cloud = cloud_runs_at("review", workspace)
    if cloud is not None:
        from pipeline.vertex.decide import with_what_is_left

        entry = cloud.latest_evaluated() if run_id is None else cloud.entry(cloud.find(run_id))
        return with_what_is_left(cloud, entry)
    from pipeline.run_entry import latest_evaluated
    from pipeline.runs import read_run, read_runs

    place = workspace_at(workspace)
    if run_id is None:
        return latest_evaluated(read_runs(place), place.root)
    return read_run(place, place.find_run(run_id))
