"""`w2v2 approve` and `w2v2 reject`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.completion import complete_run
from pipeline.commands.options import AnyWorkspaceOption, JsonOption, cloud_runs_at, require_extra, workspace_at
from pipeline.commands.outcome import print_json

if TYPE_CHECKING:
    from components.decisions import Word

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id or its beginning.", autocompletion=complete_run)
]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who come later.")]


def approve(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: AnyWorkspaceOption = None
) -> int:
    """Approve the model of a run that waits for a review, and publish it."""
    require_extra("approve", "pipeline", "tfx")
    return _decided("approve", run_id, reason, as_json, workspace)


def reject(
    run_id: RunArgument, reason: ReasonOption, as_json: JsonOption = False, workspace: AnyWorkspaceOption = None
) -> int:
    """Reject the model of a run: it is not published, and no later one is compared with it."""
    require_extra("reject", "pipeline", "ml_metadata")
    return _decided("reject", run_id, reason, as_json, workspace)


def _decided(word: Word, run_id: str, reason: str, as_json: bool, workspace: str | None) -> int:
    from pipeline.terminal import make_console, silent_console

    terminal = silent_console() if as_json else make_console()
    cloud = cloud_runs_at(word, workspace)
    if cloud is not None:
        from pipeline.vertex import decide

        outcome = getattr(decide, word)(cloud, run_id, reason, terminal)
    else:
        from pipeline import decide

        place = workspace_at(workspace)
        outcome = getattr(decide, word)(place, place.find_run(run_id), reason, terminal)
    if as_json:
        print_json(outcome.to_json())
    return outcome.exit_code
