"""`w2v2 transcribe`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import UsageError, W2v2Error
from pipeline.commands.completion import complete_precision, complete_runtime, complete_transcript_format
from pipeline.commands.options import JsonOption, WorkspaceOption, workspace_at
from pipeline.commands.outcome import print_json, say

if TYPE_CHECKING:
    from model.transcriber import Transcriber
    from pipeline.sound_files import Found
    from pipeline.transcripts import Transcripts


def transcribe(
    audio: Annotated[
        list[Path],
        typer.Argument(metavar="AUDIO", help="Sound files (FLAC, WAV, OGG, MP3, …), folders, or - for standard input."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A release or its ONNX folder; default: the newest of the workspace."),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="text, json (words with times), srt or vtt (subtitles).",
            autocompletion=complete_transcript_format,
        ),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each recording here, and print its name.")
    ] = None,
    runtime: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto (the fastest that is installed), onnxruntime or openvino.",
            autocompletion=complete_runtime,
        ),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto (what is fastest there), float32, int8 or bfloat16.",
            autocompletion=complete_precision,
        ),
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="How many; default: as the runtime has it.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="How many of equal length run together; default: up to 8, of 10 s together."
        ),
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Write down what is said in recordings of any length, with a released model."""
    from model.transcriber import Transcriber
    from pipeline.releases import newest_onnx_release
    from pipeline.sound_files import STANDARD_INPUT, find_sound_files, keep_standard_input, standard_input_file
    from pipeline.transcripts import Transcripts

    if as_json and output is None and format_ in ("srt", "vtt"):
        raise UsageError(f"--json prints one JSON document, and --format {format_} asks for another; leave one out.")
    as_json = as_json or (format_ == "json" and output is None)
    with contextlib.ExitStack() as stack:
        piped = stack.enter_context(standard_input_file()) if Path(STANDARD_INPUT) in audio else None
        found = find_sound_files(audio, piped)
        transcripts = Transcripts.planned(found, format_, output)
        transcriber = Transcriber(
            newest_onnx_release(workspace_at(workspace)) if model is None else model,
            num_threads=threads,
            runtime=runtime,
            precision=precision,
            batch_size=batch_size,
        )
        if piped is not None:
            keep_standard_input(piped)
        if not as_json:
            for folder, count in found.folders:
                sys.stderr.write(f"{folder} holds {count:,} sound file{'' if count == 1 else 's'}.\n")
            sys.stderr.write(f"Hearing with {transcriber.choice}: {transcriber.directory}\n")
        return _transcribe_all(transcriber, found, transcripts, as_json)


def _transcribe_all(transcriber: Transcriber, found: Found, transcripts: Transcripts, as_json: bool) -> int:
    """Transcribes all, prints or writes each as soon as it is done, and returns the exit code."""
    from model.transcript_formats import document_of
    from pipeline.printable import printable_text
    from pipeline.transcripts import outcomes

    choice = transcriber.choice
    about = {"model": str(transcriber.directory), "runtime": choice.runtime, "precision": choice.precision}
    results: list[dict[str, Any]] = []
    code = 0
    for entry, outcome in outcomes(transcriber, found, is_quiet=as_json):
        if isinstance(outcome, W2v2Error):
            # One file that cannot be read does not keep the others from being written down.
            code = outcome.exit_code
            results.append({"audio": entry.name, "error": str(outcome)})
            if not as_json:
                say(str(outcome), code, as_json=False)
            continue
        result = {"audio": entry.name, **document_of(outcome)}
        if (file := transcripts.write(entry, outcome, about)) is not None:
            result["file"] = printable_text(str(file))
        results.append(result)
        if not as_json:
            sys.stdout.write(transcripts.printed(entry, outcome))
            sys.stdout.flush()
    if as_json:
        print_json({**about, "transcriptions": results})
    return code
