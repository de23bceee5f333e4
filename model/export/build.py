"""Builds a release from a model directory.

    python -m model.export.build MODEL_DIRECTORY OUTPUT_DIRECTORY [--settings JSON] [--formats NAME,…]
      [--padding masked|unmasked] [--records FILE]… [--recording FILE]… [--json]

A process of its own makes the release digest a function of the model and of the versions: TensorFlow numbers the
functions that a process has traced, and writes the numbers into the SavedModel.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from model import fresh_process
from model.directory import read_manifest
from model.export.release import (
    CHECKPOINT,
    FORMATS,
    ONNX,
    RELEASE_FILE,
    SAVED_MODEL,
    TRAINING_FILE,
    Format,
    Release,
    read_release,
)
from model.export.settings import ReleaseSettings
from model.export.speech import Speech
from model.settings import from_json, to_json
from model.storage import disk_full_is_said, release_digest, sha256_of_files
from model.version import __version__

Padding = Literal["masked", "unmasked"]
PADDINGS: tuple[Padding, ...] = ("masked", "unmasked")

_DISTRIBUTIONS = ("tensorflow", "keras", "onnx", "onnxruntime")


def build_release(
    model_directory: str | os.PathLike[str],
    output_directory: str | os.PathLike[str],
    settings: ReleaseSettings,
    formats: Sequence[Format] = FORMATS,
    padding: Padding = "masked",
    speech: Speech | None = None,
) -> Release:
    """Exports a model, in a fresh process.

    Args:
      model_directory: What `model.directory.save_model` wrote.
      output_directory: Where `saved_model/`, `onnx/`, `checkpoint/` and, last, `RELEASE.json` are written.
      settings: Name, licence and so on.
      formats: In which formats; what is published has all of them.
      padding: As in `Wav2Vec2Base`; what is published is masked.
      speech: On which it is measured what int8 changes, as `export_onnx` takes it.

    Raises:
      CheckpointError: the model directory is not whole.
      ReleaseError: an export does not compute what the model computes.
      DataError: the speech cannot be read.
      DiskFullError: there is no room left on the file system.
    """
    output, heard = Path(output_directory).resolve(), speech or Speech()
    # What is not whole is said at once, not after TensorFlow has been imported.
    read_manifest(Path(model_directory))
    fresh_process.run(
        __name__,
        [
            str(Path(model_directory).resolve()),
            str(output),
            f"--settings={to_json(settings)}",
            f"--formats={','.join(formats)}",
            f"--padding={padding}",
            *(f"--records={Path(file).resolve()}" for file in heard.records),
            *(f"--recording={Path(file).resolve()}" for file in heard.recordings),
            "--json",
        ],
    )
    return read_release(output)


def export_release(
    model_directory: str | Path,
    output_directory: str | Path,
    settings: ReleaseSettings,
    formats: Sequence[Format] = FORMATS,
    padding: Padding = "masked",
    speech: Speech | None = None,
) -> Release:
    """Does the work of `build_release` in this process."""
    from model.directory import load_model
    from model.export.checkpoint import export_checkpoint
    from model.export.onnx_model import export_onnx
    from model.export.saved_model import export_saved_model

    output = Path(output_directory)
    loaded = load_model(model_directory, padding)
    with disk_full_is_said(output):
        output.mkdir(parents=True, exist_ok=True)
        (output / RELEASE_FILE).unlink(missing_ok=True)
        if (told := Path(model_directory) / TRAINING_FILE).is_file():
            shutil.copyfile(told, output / TRAINING_FILE)
        # The SavedModel first: what this process traces before it changes its bytes.
        if SAVED_MODEL in formats:
            export_saved_model(loaded, output / SAVED_MODEL)
        if ONNX in formats:
            export_onnx(loaded, output / ONNX, settings, speech)
        if CHECKPOINT in formats:
            export_checkpoint(loaded, output / CHECKPOINT)
        files = {
            f"{format_}/{path}": sha256
            for format_ in formats
            for path, sha256 in sha256_of_files(output / format_).items()
        }
        release = Release(
            name=settings.name,
            model_digest=loaded.digest,
            release_digest=release_digest(files),
            files=files,
            sizes_bytes={path: (output / path).stat().st_size for path in files},
            source_checkpoint=loaded.manifest.get("source_checkpoint"),
            license=settings.license,
            language=settings.language,
            sample_rate_hz=int(loaded.preprocessor.get("sampling_rate", 16_000)),
            versions=_versions(),
            head=loaded.model.head,
        )
        release.write(output)
    return release


def main(argv: Sequence[str] | None = None) -> int:
    """Builds a release; prints its digest, or with `--json` one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m model.export.build", description="Builds a release.")
    parser.add_argument("model_directory")
    parser.add_argument("output_directory")
    parser.add_argument("--settings", default="{}", help="JSON of ReleaseSettings")
    parser.add_argument("--formats", default=",".join(FORMATS), help="names, parted by commas")
    parser.add_argument("--padding", choices=PADDINGS, default="masked", help="whether padding counts as sound")
    parser.add_argument("--records", action="append", default=[], help="a TFRecord file of utterances, for int8")
    parser.add_argument("--recording", action="append", default=[], help="a file of sound, likewise")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)

    def work() -> dict[str, Any]:
        settings = from_json(ReleaseSettings, arguments.settings)
        release = export_release(
            arguments.model_directory,
            arguments.output_directory,
            settings,
            arguments.formats.split(","),
            arguments.padding,
            Speech(tuple(arguments.records), tuple(arguments.recording)),
        )
        return {"release_digest": release.release_digest, "model_digest": release.model_digest}

    return fresh_process.report(work, None if arguments.json else lambda result: result["release_digest"])


def _versions() -> dict[str, str]:
    return {
        "wav2vec2-tfx": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _DISTRIBUTIONS},
    }


if __name__ == "__main__":
    raise SystemExit(main())
