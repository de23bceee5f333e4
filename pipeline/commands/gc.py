"""`w2v2 gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from model.errors import UsageError
from pipeline.collection import DEFAULT_KEEP_RUNS
from pipeline.commands.options import JsonOption, WorkspaceOption, require_extra, workspace_at
from pipeline.commands.outcome import console, print_json


def gc(
    yes: Annotated[
        bool, typer.Option("--yes", "--delete", "-y", help="Free it; without this, nothing is changed.")
    ] = False,
    keep_runs: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="How many of the newest runs of each pipeline are kept, whatever came of them."
        ),
    ] = DEFAULT_KEEP_RUNS,
    archives: Annotated[
        bool,
        typer.Option("--archives", help="Also archives of corpora that are unpacked; they may be downloaded again."),
    ] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Free space in a workspace: list what can go, or remove it. Never what is blessed, approved or published.

    What can go: artifacts of runs that failed, were interrupted, or are superseded and not blessed; states of trainings
    that have ended; and what killed processes left. Kept are runs that wait for a review, and the newest ones;
    evaluations, reports, logs, decisions and releases stay in any case.
    """
    _require_local(workspace)
    require_extra("gc", "pipeline", "ml_metadata")
    from pipeline.collection.free import collect
    from pipeline.collection.plan import plan_collection

    place = workspace_at(workspace)
    plan = collect(place, keep_runs, archives) if yes else plan_collection(place, keep_runs, archives)
    if as_json:
        return print_json(
            {
                "workspace": str(place.root),
                "dry_run": not yes,
                "items": [item.to_json() for item in plan.items],
                "bytes": plan.size_bytes,
                "kept": dict(plan.kept),
                "left": list(plan.left),
                "under_way": plan.under_way,
            }
        )
    from pipeline.collection_display import show_collection

    show_collection(console(), plan, place, is_done=yes)
    return 0


def _require_local(workspace: str | None) -> None:
    """Raises UsageError for a workspace in Cloud Storage."""
    from beam_jobs import places
    from pipeline.workspace import named_place

    named = str(named_place(workspace))
    if places.is_remote(named):
        raise UsageError(
            f"w2v2 gc frees space on this machine, and {named} is in Cloud Storage; give the bucket lifecycle rules"
            " instead, which delete what is older than some days below staging/ and below the folders of the nodes,"
            " but not below decisions/ and releases/."
        )
