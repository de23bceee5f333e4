"""Whether colours are wanted on a stream. Standard library only: it is asked before anything is shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO

ColourSystem = Literal["auto", "standard", "256", "truecolor"]

_DUMB_TERMINALS = ("dumb", "unknown")


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
