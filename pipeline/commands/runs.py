"""`w2v2 runs`."""

from __future__ import annotations

from pipeline.commands.options import AnyWorkspaceOption, JsonOption, cloud_runs_at, workspace_at
from pipeline.commands.outcome import console, print_json


def runs(as_json: JsonOption = False, workspace: AnyWorkspaceOption = None) -> int:
    """List every run: state, verdict, WER, and where its artifacts are."""
    cloud = cloud_runs_at("runs", workspace)
    if cloud is not None:
        entries, where, begin = cloud.entries(), cloud.workspace.root, "vertex submit"
    else:
        from pipeline.runs import read_runs

        place = workspace_at(workspace)
        entries, where, begin = read_runs(place), place.root, "run"
    if as_json:
        return print_json({"runs": [entry.to_json() for entry in entries]})
    from pipeline.display import show_runs

    if entries:
        show_runs(console(), entries)
    else:
        console().print(f"There are no runs in {where} yet; begin one with [bold]w2v2 {begin}[/bold].")
    return 0
