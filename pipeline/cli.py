"""The `w2v2` command. What a command needs is imported when it is called, so that `w2v2 --help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from model.version import __version__
from pipeline.commands.completion import completion, prepare_completion
from pipeline.commands.convert import convert
from pipeline.commands.decide import approve, reject
from pipeline.commands.doctor import doctor
from pipeline.commands.evaluate import evaluate
from pipeline.commands.export import export
from pipeline.commands.gc import gc
from pipeline.commands.help_page import Command, Group
from pipeline.commands.ingest import ingest
from pipeline.commands.init import init
from pipeline.commands.outcome import ending_in_code
from pipeline.commands.push import push
from pipeline.commands.review import review
from pipeline.commands.run import run
from pipeline.commands.runs import runs
from pipeline.commands.schedule import schedule
from pipeline.commands.score import score
from pipeline.commands.transcribe import transcribe
from pipeline.commands.usage import USAGE_ERROR, say_usage_error
from pipeline.commands.vertex import vertex

# In the order of the help.
_COMMANDS = (
    init, run, runs, review, approve, reject, transcribe, evaluate, score, ingest, convert, export, push, gc, doctor,
    completion,
)  # fmt: skip

app = typer.Typer(
    name="w2v2",
    cls=Group,
    help="Recorded speech in, a gated and released speech recogniser out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line; ends the process with its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    prepare_completion()
    try:
        code = app(args=words, prog_name="w2v2", standalone_mode=False)
    except USAGE_ERROR as error:
        code = say_usage_error(error, words)
    except typer.Abort:
        code = 130
    sys.exit(code or 0)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    if version:
        sys.stdout.write(f"w2v2 {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


for _command in _COMMANDS:
    app.command(name=_command.__name__, cls=Command)(ending_in_code(_command))
app.add_typer(vertex)
app.add_typer(schedule)


if __name__ == "__main__":
    main()
