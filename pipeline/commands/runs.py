"""`w2v2 runs`."""

from __future__ import annotations

from pipeline.commands.options import JsonOption, WorkspaceOption, workspace_at
from pipeline.commands.outcome import console, print_json


def runs(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> int:
    """List every run: state, verdict, WER, and where its artifacts are."""
    from pipeline.runs import read_runs

    place = workspace_at(workspace)
    entries = read_runs(place)
    if as_json:
        return print_json({"runs": [entry.to_json() for entry in entries]})
    from pipeline.display import show_runs

    if entries:
        show_runs(console(), entries)
    else:
        console().print(f"There are no runs in {place.root} yet; begin one with [bold]w2v2 run[/bold].")
    return 0
