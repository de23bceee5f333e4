"""The reference in docs/command_line.md, made of the parser of the command line.

`python -m pipeline.commands.reference` writes what stands below the mark in that page anew; a test holds the page
against it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from model.storage import replacing
from pipeline.cli import app
from pipeline.commands.examples import EXIT_CODES
from pipeline.commands.help_page import examples_of

MARK = "<!-- What follows is made by: python -m pipeline.commands.reference -->"
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "command_line.md"


def walk(command: Any = None, path: str = "w2v2") -> Iterator[tuple[str, Any]]:
    """Yields each command with its path, the root and the groups before what they hold."""
    found = typer.main.get_command(app) if command is None else command
    yield path, found
    for name, below in getattr(found, "commands", {}).items():
        yield from walk(below, f"{path} {name}")


def reference() -> str:
    """Returns the reference as Markdown."""
    parts = ["## Exit codes", "| code | meaning |\n|---|---|"]
    parts[-1] += "".join(f"\n| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    for path, command in walk():
        if path == "w2v2":
            continue
        parts.append(f"{'##' if path.count(' ') == 1 else '###'} {path}")
        parts.append(inspect.cleandoc(command.help))
        if hasattr(command, "commands"):
            continue
        parts.append(f"```text\n{usage(path, command)}\n```")
        parts += [_entry(parameter) for parameter in command.params]
        examples = "\n\n".join(f"# {what}\n{line}" for what, line in examples_of(path))
        parts.append(f"```bash\n{examples}\n```")
    return "\n\n".join(parts) + "\n"


def usage(path: str, command: Any) -> str:
    """Returns the line that says how a command is called."""
    context = typer.Context(command, info_name=path)
    return " ".join([path, *command.collect_usage_pieces(context)])


def write() -> None:
    """Writes the reference into the page."""
    written = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    with replacing(PAGE) as temporary:
        temporary.write_text(f"{written}{MARK}\n\n{reference()}", encoding="utf-8")


def _entry(parameter: Any) -> str:
    """Returns an argument or an option as an entry of a definition list."""
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar}"
        names = ", ".join(f"`{name}{value}`" for name in [*parameter.opts, *parameter.secondary_opts])
    told = " ".join(parameter.help.split()).replace("<", "&lt;")
    if parameter.required and parameter.param_type_name == "option":
        told += " Required."
    elif parameter.default not in (None, False) and parameter.show_default:
        told += f" Default: `{parameter.default}`."
    return f"{names}\n:   {told}"


if __name__ == "__main__":
    write()
    sys.stdout.write(f"Wrote {PAGE}.\n")
