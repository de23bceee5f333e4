"""`w2v2 export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completion import complete_checkpoint, complete_release_format
from pipeline.commands.options import CHECKPOINT_WORDS, JsonOption, require_extra
from pipeline.commands.outcome import console, print_json


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"A release, a model directory, 'tiny', or a published checkpoint: {CHECKPOINT_WORDS}.",
            autocompletion=complete_checkpoint,
        ),
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The release to write.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="saved_model, onnx or checkpoint, also several with commas or the option again; default: all.",
            autocompletion=complete_release_format,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name, on its card and where it is published.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="SPDX", help="The licence of the weights; default: unknown.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="The spoken language, ISO 639; default: en.")
    ] = None,
    speech: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PLACE",
            help="Recordings that the model was not trained on, without transcripts: a sound file, a folder, a manifest"
            " (.tsv, .csv, .jsonl), or what w2v2 ingest has written; also several times. On them it is measured which"
            " parts bear int8; default: all are quantised, and nothing is measured.",
        ),
    ] = None,
    opset: Annotated[int | None, typer.Option(metavar="NUMBER", help="The version of ONNX's operators.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Export any model as SavedModel, ONNX and checkpoint, compared with the model but not evaluated."""
    require_extra("export", "pipeline", "tensorflow")
    from model.runtimes.choice import QUANTIZED_FILE
    from pipeline.export_speech import find_speech
    from pipeline.foreground import shown
    from pipeline.releases import formats_of, settings_of

    chosen = formats_of(formats)
    settings = settings_of(model, name=name, license=licence, language=language, onnx_opset=opset)
    with shown(None if as_json else console(), "Export"):
        from model.export.export_model import export_model

        heard = find_speech(speech or (), settings.int8_utterances)
        exported = export_model(model, directory, settings, chosen, heard)
    if as_json:
        return print_json(exported.to_mapping())
    terminal = console()
    if not exported.is_new:
        terminal.print(f"{exported.directory} holds this release already.", soft_wrap=True)
        return 0
    size_mb = sum(exported.release.sizes_bytes.values()) / 1e6
    terminal.print(
        f"Exported {model} to {exported.directory}: {', '.join(exported.formats)}, {size_mb:.1f} MB. On"
        f" {exported.probes} test sounds each gives what the model gives. It was not evaluated, and README.md says so.",
        soft_wrap=True,
        markup=False,
    )
    if (int8 := exported.quantisation) is not None:
        mend = "" if int8.utterances else " Name recordings with --speech to measure it."
        terminal.print(f"{QUANTIZED_FILE}: {int8.told}{mend}", soft_wrap=True, markup=False)
    return 0
