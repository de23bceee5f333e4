"""`w2v2 doctor`."""

from __future__ import annotations

from pipeline.commands.options import JsonOption, WorkspaceOption, workspace_at
from pipeline.commands.outcome import console, print_json


def doctor(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> int:
    """Tell what is wrong with this machine, and what mends it."""
    from pipeline.doctor import examine, is_well, to_json

    checks = examine(workspace_at(workspace))
    code = 0 if is_well(checks) else 1
    if as_json:
        print_json(to_json(checks))
        return code
    from pipeline.display import show_checks

    show_checks(console(), checks)
    return code
