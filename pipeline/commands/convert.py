"""`w2v2 convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completion import complete_checkpoint
from pipeline.commands.options import (
    CHECKPOINT_METAVAR,
    CHECKPOINT_WORDS,
    JsonOption,
    LanguageOption,
    require_extra,
)
from pipeline.commands.outcome import console, print_json


def convert(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar=CHECKPOINT_METAVAR,
            help=f"A published checkpoint: {CHECKPOINT_WORDS}.",
            autocompletion=complete_checkpoint,
        ),
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The model directory to write.")],
    language: LanguageOption = None,
    activations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reference activations (.npz) that the converted model must give."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Convert a published checkpoint to a model directory."""
    require_extra("convert", "train", "keras")
    from pipeline.foreground import shown

    with shown(None if as_json else console(), "Convert"):
        from model.checkpoint import convert_checkpoint

        report = convert_checkpoint(checkpoint, directory, language=language, activations=activations)
    if as_json:
        return print_json(report)
    left_out = len(report["left_out"])
    heads = {"ctc": "a CTC head", "pretraining": "the heads of pre-training", "none": "no head"}
    terminal = console()
    terminal.print(
        f"Converted {len(report['tensors'])} tensors of {checkpoint} to {directory}: a model with"
        f" {heads[report['head']]}."
    )
    if left_out:
        terminal.print(f"{left_out} tensors have no use in it; conversion_report.json names them.")
    if "parity" in report:
        parity = report["parity"]
        terminal.print(
            f"It gives the reference activations of {parity['modules']} modules, to {parity['max_absolute']:.1e}"
            f" absolute and {parity['max_relative']:.1e} relative."
        )
    return 0
