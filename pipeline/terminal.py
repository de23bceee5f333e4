"""The consoles that commands write to, and whether colours are wanted there. It is light: `--help` waits for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

from rich.console import Console
from rich.text import Text

ColourSystem = Literal["auto", "standard", "256", "truecolor"]

_DUMB_TERMINALS = ("dumb", "unknown")
# A file or a CI log has no width of its own; this is enough for a path or a reason.
_PLAIN_WIDTH = 160


def make_console(stream: TextIO | None = None) -> Console:
    """Returns a console on a stream, standard output by default, that never breaks long words such as paths."""
    file = stream or sys.stdout
    if hasattr(file, "reconfigure"):
        # A terminal that cannot show «✓» gets «?», not an error.
        file.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    is_terminal = file.isatty()
    width = None if is_terminal or "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(
        file=file,
        highlight=False,
        color_system=colour_system(file),
        # rich takes FORCE_COLOR for a terminal, and lines would move in a log.
        force_terminal=is_terminal,
        width=width,
    )


def silent_console() -> Console:
    """Returns a console that shows nothing, for commands whose output is one JSON document."""
    return Console(quiet=True, force_terminal=False)


def show_error(console: Console, message: str) -> None:
    """Shows the one sentence that a command ends with."""
    console.print(Text.assemble(("✗ ", "bold red"), message), soft_wrap=True)


def colour_system(stream: TextIO, environment: Mapping[str, str] | None = None) -> ColourSystem | None:
    """Returns the colours that a stream gets, in the words of rich; None for no escape sequences at all.

    `NO_COLOR` (https://no-color.org), set to anything but nothing, wins over all others, and takes bold and dim away,
    too. Then `FORCE_COLOR` or `CLICOLOR_FORCE` have colours written also where there is no terminal, as CI logs show
    them; `CLICOLOR=0` leaves them out. Without any of them a terminal gets colours, unless `TERM` is `dumb`.

    Args:
      stream: Where to.
      environment: The variables; those of this process by default.
    """
    variables = os.environ if environment is None else environment
    if variables.get("NO_COLOR"):
        return None
    if any(variables.get(name, "0") not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return _of_colorterm(variables.get("COLORTERM", ""))
    is_plain = variables.get("CLICOLOR") == "0" or variables.get("TERM", "").lower() in _DUMB_TERMINALS
    return None if is_plain or not stream.isatty() else "auto"


def _of_colorterm(value: str) -> ColourSystem:
    return "truecolor" if value.strip().lower() in ("truecolor", "24bit") else "standard"
