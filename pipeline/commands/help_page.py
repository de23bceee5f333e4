"""The pages of `--help`: as typer shows them, with examples, and colours where they are wanted."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

from pipeline.commands.examples import EXAMPLES, EXIT_CODES
from pipeline.terminal import colour_system


class Command(TyperCommand):
    """A command whose help ends in examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Shows the help."""
        _prepare(self, ctx)
        super().format_help(ctx, formatter)
        _show_examples(ctx)


class Group(TyperGroup):
    """Commands with a page that lists them, and examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Shows the help."""
        _prepare(self, ctx)
        super().format_help(ctx, formatter)
        _show_examples(ctx)
        if ctx.parent is None:
            _show_exit_codes()


def examples_of(command_path: str) -> tuple[tuple[str, str], ...]:
    """Returns what an example does and its command line, for each of a command.

    Args:
      command_path: Such as `w2v2 vertex submit`.
    """
    return EXAMPLES[command_path.partition(" ")[2]]


def _prepare(command: Any, context: Any) -> None:
    from typer import rich_utils

    # A paragraph is as wide as the terminal, and not as the source.
    command.help = "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(command.help).split("\n\n"))
    # typer's tables cut a word that is wider than its column, such as an address, at its end.
    rich_utils.Table = _folding_table()
    rich_utils.COLOR_SYSTEM = colour_system(sys.stdout)
    # It also takes GITHUB_ACTIONS for a terminal. Where there are colours, they come from the line above.
    rich_utils.FORCE_TERMINAL = None if sys.stdout.isatty() else False
    for parameter in command.get_params(context):
        # A flag has no value, and an argument says what it is by its name.
        if getattr(parameter, "is_flag", False) or parameter.param_type_name == "argument":
            parameter.display_type_rich = _no_type


def _folding_table() -> type:
    """Returns a table for narrow terminals.

    A word that is wider than its column goes on in the next line, unless it is an option, and a column without a word,
    such as that of short options, takes no room.
    """
    from rich.table import Table
    from rich.text import Text

    class FoldingTable(Table):
        def add_row(self, *renderables: Any, **kwargs: Any) -> None:
            for renderable in renderables:
                for text in getattr(renderable, "renderables", [renderable]):
                    if isinstance(text, Text):
                        text.overflow = "fold"
            super().add_row(*renderables, **kwargs)
            for column, cell in zip(self.columns, renderables, strict=False):
                column.no_wrap |= isinstance(cell, Text) and cell.plain.startswith("--")

        def __rich_console__(self, console: Any, options: Any) -> Any:
            self.columns = [column for column in self.columns if any(map(str, column.cells))]
            return super().__rich_console__(console, options)

    return FoldingTable


def _no_type(ctx: Any) -> None:
    """What typer asks for to show the type of a value."""


def _show_examples(context: Any) -> None:
    from rich.text import Text

    from pipeline.terminal import make_console

    terminal = make_console(sys.stdout)
    terminal.print()
    terminal.print(Text(" Examples", style="bold"))
    for what, line in examples_of(context.command_path):
        terminal.print()
        # No line is broken: what is copied from the terminal must be the command.
        terminal.print(Text(f"   # {what}", style="dim"), soft_wrap=True)
        terminal.print(Text(f"   {line}"), soft_wrap=True)


def _show_exit_codes() -> None:
    from rich.table import Table
    from rich.text import Text

    from pipeline.terminal import make_console

    terminal = make_console(sys.stdout)
    terminal.print()
    terminal.print(Text(" Exit codes", style="bold"))
    terminal.print()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for code, meaning in EXIT_CODES.items():
        table.add_row(Text(f"   {code:>3}", style="bold"), meaning)
    terminal.print(table)
