"""`w2v2 transcribe`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import W2v2Error
from pipeline.commands.options import JsonOption, WorkspaceOption, workspace_at
from pipeline.commands.outcome import print_json, say


def transcribe(
    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO…", help="Sound files: FLAC, WAV, OGG, MP3, …")],
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A released ONNX folder; default: the newest in the workspace.")
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Write down what is said in sound files, with a released model."""
    from model.transcriber import Transcriber
    from pipeline.releases import newest_onnx_release

    transcriber = Transcriber(newest_onnx_release(workspace_at(workspace)) if model is None else model)
    results: list[dict[str, Any]] = []
    code = 0
    for path in audio:
        try:
            transcription = transcriber.transcribe(path)
        except W2v2Error as error:
            # One file that cannot be read does not keep the others from being written down.
            code = error.exit_code
            results.append({"audio": str(path), "error": str(error)})
            if not as_json:
                say(str(error), code, as_json=False)
            continue
        results.append(
            {
                "audio": str(path),
                "text": transcription.text,
                "duration_seconds": transcription.duration_seconds,
                "seconds": transcription.seconds,
            }
        )
        if not as_json:
            sys.stdout.write(f"{path}\t{transcription.text}\n" if len(audio) > 1 else f"{transcription.text}\n")
    if as_json:
        print_json({"model": str(transcriber.directory), "transcriptions": results})
    return code
