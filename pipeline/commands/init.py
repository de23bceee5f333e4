"""`w2v2 init`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

import typer

from model.errors import UsageError
from pipeline.commands.completion import complete_checkpoint
from pipeline.commands.options import CHECKPOINT_METAVAR, JsonOption, require_extra
from pipeline.commands.outcome import console, print_json

DEFAULT_OUTPUT = "my_run.py"


def init(
    recordings: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|TABLE",
            help="The folder of your recordings, with a table of transcripts or a .txt beside each; or the table"
            " itself: .tsv, .csv or .jsonl.",
            show_default="this folder",
        ),
    ] = ".",
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The configuration to write, a Python file; its name is the run's.")
    ] = Path(DEFAULT_OUTPUT),
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar=CHECKPOINT_METAVAR,
            autocompletion=complete_checkpoint,
            help="What training starts from: hf://owner/name, a directory, a file, or 'tiny'. Default: XLS-R with 300"
            " million parameters, which has heard 128 languages; for English, wav2vec2-base.",
            show_default=False,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="The language, ISO 639, such as fi; default: what the script tells."),
    ] = None,
    case: Annotated[
        str | None,
        typer.Option(
            metavar="CASE",
            help="Of the letters: lower, upper, keep, or lower_turkic, where I is ı. Default: what suits the language.",
        ),
    ] = None,
    least_letter_count: Annotated[
        int, typer.Option(min=1, metavar="N", help="Leave out recordings with letters that occur less often.")
    ] = 1,
    keep_digits: Annotated[
        bool, typer.Option("--keep-digits", help="Take digits for letters, rather than leave such recordings out.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Updates of the weights; default: what suits the hours.")
    ] = None,
    max_wer: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=10.0, metavar="FRACTION", help="The ceiling of the WER that the gate holds; default: 0.3."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an earlier configuration.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Look at your own recordings, and write the configuration of a run for them."""
    require_extra("init", "pipeline", "apache_beam")
    from pipeline.foreground import shown
    from pipeline.own_data.configuration_file import configuration_text
    from pipeline.own_data.display import show_examination, show_plan
    from pipeline.own_data.examination import examine
    from pipeline.own_data.letters import find_letters
    from pipeline.own_data.plan import make_plan
    from pipeline.own_data.writing import require_free, write_files

    code, output = _language(language), output.expanduser()
    manifest = require_free(output, force, recordings)
    choose = functools.partial(
        find_letters, language=code, case=_case(case), least_count=least_letter_count, keep_digits=keep_digits
    )
    with shown(None if as_json else console(), "Looking at the recordings"):
        found = examine(recordings, manifest, choose)
        plan = make_plan(found, output, checkpoint, steps, max_wer)
    write_files(output, configuration_text(found, plan, output), manifest, found.reading.manifest)
    if as_json:
        written = {"configuration": str(output), "steps": plan.steps, "max_wer": plan.max_wer}
        return print_json({**found.to_json(), **written, "checkpoint": plan.checkpoint, "new_head": plan.new_head})
    terminal = console()
    terminal.print()
    show_examination(terminal, found)
    show_plan(terminal, found, plan, output)
    return 0


def _language(code: str | None) -> str:
    if code is None:
        return ""
    if not (code.isascii() and code.isalpha() and code.islower() and len(code) in (2, 3)):
        raise UsageError(f"--language must be an ISO 639 code of two or three small letters, such as fi, not {code!r}.")
    return code


def _case(case: str | None) -> Literal["lower", "upper", "keep", "lower_turkic", ""]:
    if case is None:
        return ""
    for known in ("lower", "upper", "keep", "lower_turkic"):
        if case == known:
            return known
    raise UsageError(f"--case must be lower, upper, keep or lower_turkic, not {case!r}.")
