"""Options that several commands have, and what they stand for."""

from __future__ import annotations

import importlib.util
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

LanguageOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The language of an MMS checkpoint, such as fra; default: the one it holds."),
]


def require_extra(command: str, extra: str, package: str) -> None:
    """Raises UsageError where a command needs packages that this installation was made without."""
    if importlib.util.find_spec(package) is None:
        raise UsageError(
            f"w2v2 {command} needs the packages of the extra '{extra}', and {package} is not installed; install"
            f" wav2vec2-tfx[{extra}], or use make setup in a clone."
        )


def workspace_at(path: Path | None) -> Workspace:
    """Returns the workspace that an option names, or the one that holds without it."""
    from pipeline.workspace import Workspace

    return Workspace.at(path)
