"""Compares a copy of a release with what the evaluator measured, in a process that knows nothing of it.

    python -m model.export.verify saved_model|onnx DIRECTORY PROBES.npz [--json]

The exit code is 0 where they agree; otherwise it is 3, after one sentence. The ONNX files are run without TensorFlow,
by the class that users run.
"""

from __future__ import annotations

import argparse
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ReleaseError
from model.export import fresh_process
from model.export.release import FORMATS, SAVED_MODEL, Format

# The bytes are those that were measured; another number of threads or another batch may change the last digits.
MAX_LOGIT_DIFFERENCE = 1e-3

_PREFIX_BY_FORMAT = {"saved_model": "", "onnx": "onnx_"}
_LOGITS_BY_FORMAT = {"saved_model": "saved_model_logits", "onnx": "onnx_logits"}

# From a raw waveform [samples] to its text and its logits [frames, vocab], once for each way that users call.
Model = Callable[[np.ndarray[Any, Any]], Iterator[tuple[str | None, np.ndarray[Any, Any]]]]


def verify_in_fresh_process(format_: Format, directory: str | os.PathLike[str], probes: str | os.PathLike[str]) -> int:
    """Runs this module for a copy of a release.

    Returns:
      The number of probes that agreed.

    Raises:
      ReleaseError: the copy cannot be loaded, or differs from what was measured.
    """
    arguments = [format_, str(Path(directory).resolve()), str(Path(probes).resolve()), "--json"]
    return fresh_process.run(__name__, arguments)["probes"]


def verify(format_: Format, directory: str | Path, probes_path: str | Path) -> dict[str, Any]:
    """Loads a copy of a release in this process and compares it with the probes.

    Args:
      format_: `saved_model` or `onnx`.
      directory: The copy: the content of the release's folder of that name.
      probes_path: The evaluator's `probes.npz`: for each probe i `waveform_i`, and for each format logits and text.

    Returns:
      The number of probes and the largest difference of a logit.

    Raises:
      ReleaseError: the copy cannot be loaded, or differs from what was measured, or there is nothing to compare with.
    """
    if not Path(directory).is_dir():
        raise ReleaseError(f"A copy of a release must be a directory; {directory} is none.")
    probes = _read_probes(probes_path, format_)
    model = _open_saved_model(directory) if format_ == SAVED_MODEL else _open_onnx(directory)
    largest = 0.0
    for index, (waveform, expected_logits, expected_text) in enumerate(probes):
        for text, logits in model(waveform):
            if logits.shape != expected_logits.shape:
                raise ReleaseError(
                    f"The logits of probe {index} must have the shape {list(expected_logits.shape)} that was measured;"
                    f" {directory} gives {list(logits.shape)}."
                )
            difference = float(np.abs(logits - expected_logits).max())
            if not difference <= MAX_LOGIT_DIFFERENCE:
                raise ReleaseError(
                    f"The logits of probe {index} must be within {MAX_LOGIT_DIFFERENCE:g} of what was measured;"
                    f" those of {directory} differ by {difference:g}."
                )
            if text is not None and text != expected_text:
                raise ReleaseError(
                    f"The text of probe {index} must be {expected_text!r}, as was measured; {directory} gives {text!r}."
                )
            largest = max(largest, difference)
    return {"format": format_, "probes": len(probes), "max_logit_difference": largest}


def main(argv: Sequence[str] | None = None) -> int:
    """Verifies a copy; prints a sentence, or with `--json` one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m model.export.verify", description="Verifies a copy of a release.")
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("directory")
    parser.add_argument("probes")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    return fresh_process.report(
        lambda: verify(arguments.format, arguments.directory, arguments.probes),
        None if arguments.json else _sentence,
    )


def _sentence(result: dict[str, Any]) -> str:
    return (
        f"The {result['format']} agrees with what was measured on {result['probes']} probes; logits differ by"
        f" {result['max_logit_difference']:g} at most."
    )


def _read_probes(path: str | Path, format_: Format) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], str]]:
    logits_name, text_name = _LOGITS_BY_FORMAT[format_], f"{_PREFIX_BY_FORMAT[format_]}text"
    try:
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            count = sum(name.startswith("waveform_") for name in file.files)
            probes = [
                (
                    np.asarray(file[f"waveform_{index}"], np.float32),
                    np.asarray(file[f"{logits_name}_{index}"], np.float32),
                    str(file[f"{text_name}_{index}"]),
                )
                for index in range(count)
            ]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReleaseError(
            f"{path} must be the evaluator's file of probes: {error}; run the evaluator again."
        ) from error
    if not any(logits.size for _, logits, _ in probes):
        raise ReleaseError(
            f"{path} must hold at least one probe with logits, and holds none; a check that cannot fail is none, so"
            " nothing is released."
        )
    for index, (_, logits, _) in enumerate(probes):
        if not logits.size or not np.isfinite(logits).all():
            raise ReleaseError(f"The logits of probe {index} in {path} must be numbers, and there are none or NaN.")
    return probes


def _open_saved_model(directory: str | Path) -> Model:
    import tensorflow as tf

    try:
        loaded: Any = tf.saved_model.load(str(directory))
        transcribe = loaded.signatures["transcribe"]
    except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise ReleaseError(
            f"{directory} must be a SavedModel that can be loaded: {' '.join(str(error).split())}."
        ) from error

    def run(waveform: np.ndarray[Any, Any]) -> Iterator[tuple[str | None, np.ndarray[Any, Any]]]:
        waveforms = tf.constant(waveform[np.newaxis])
        outputs = transcribe(waveform=waveforms, num_samples=tf.constant([len(waveform)], tf.int32))
        frames = int(outputs["num_frames"][0])
        yield outputs["text"][0].numpy().decode(), outputs["logits"][0, :frames].numpy()
        # What hub.load and hub.KerasLayer call is another function of the same file.
        yield None, loaded(loaded.normalise(waveforms), training=False)[0].numpy()

    return run


def _open_onnx(directory: str | Path) -> Model:
    from model.transcriber import Transcriber

    transcriber = Transcriber(directory)

    def run(waveform: np.ndarray[Any, Any]) -> Iterator[tuple[str | None, np.ndarray[Any, Any]]]:
        logits = transcriber.logits(waveform)
        yield transcriber.decode(logits), logits

    return run


if __name__ == "__main__":
    raise SystemExit(main())
