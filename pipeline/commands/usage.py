"""What is said of words that no command takes, in the form of every other error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

from model.errors import UsageError
from pipeline.commands.outcome import say

# typer brings click's classes along, and shows of its errors this one alone.
USAGE_ERROR: type[Exception] = next(one for one in typer.BadParameter.__mro__ if one.__name__ == "UsageError")

_SUGGESTION = re.compile(r"\.? *(?:\(Possible options: (?P<options>[^)]*)\)|Did you mean (?P<commands>[^?]*)\?)$")


def say_usage_error(error: Any, words: Sequence[str]) -> int:
    """Says what is wrong with the words of a command line, with what may have been meant; returns the exit code.

    Args:
      error: What typer raised.
      words: Of the command line; with `--json` among its options, the error is the one JSON document.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        # The help was shown already.
        return UsageError.exit_code
    context = error.ctx
    path = "w2v2" if context is None else context.command_path
    options = words[: words.index("--")] if "--" in words else words
    return say(f"{sentence(error.format_message())}; {path} --help tells what it takes.", 2, "--json" in options)


def sentence(told: str) -> str:
    """Returns what typer tells, on one line, with its suggestion in brackets and without the full stop.

    Example:
      >>> sentence("No such command 'rnu'. Did you mean 'run', 'runs'?")
      "No such command 'rnu' (did you mean run or runs?)"
    """
    line = " ".join(told.split())
    found = _SUGGESTION.search(line)
    if found is None:
        return line.rstrip(".")
    meant = [name.strip(" '") for name in (found["options"] or found["commands"]).split(",")]
    return f"{line[: found.start()]} (did you mean {' or '.join(meant)}?)"
