"""Compares a copy of a release with what the evaluator measured, in a process that knows nothing of it.

    python -m model.export.verify saved_model|onnx|checkpoint DIRECTORY PROBES.npz [--json]

The exit code is 0 where they agree; otherwise it is 3, after one sentence. The ONNX files are run without TensorFlow,
by the class that users run. What is compared is what the probes hold: the logits and texts of a recogniser, or the
hidden states of a backbone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model import fresh_process
from model.errors import CheckpointError, ReleaseError
from model.export.int8_agreement import require_int8_agreement
from model.export.measured_probes import MeasuredProbes, read_measured_probes
from model.export.onnx_asr_files import ONNX_ASR_FILE
from model.export.release import FORMATS, Format
from model.export.servable import HIDDEN_STATES, LOGITS, servable
from model.runtimes.choice import QUANTIZED_FILE

# The bytes are those that were measured; another number of threads or another batch may change the last digits.
MAX_DIFFERENCE = 1e-3

# Half a second behind an utterance, which must change nothing.
_PADDING_SAMPLES = 8_000

# From a raw waveform [samples] to its text, if it has one, and its values [frames, size], once for each way that users
# call.
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
      format_: `saved_model`, `onnx` or `checkpoint`.
      directory: The copy: the content of the release's folder of that name.
      probes_path: The evaluator's `probes.npz`: for each probe i `waveform_i`, and of the SavedModel and of the ONNX
        file logits and text, or hidden states. A checkpoint must give what the SavedModel gave.

    Returns:
      The number of probes and the largest difference of a value.

    Raises:
      ReleaseError: the copy cannot be loaded, or differs from what was measured, or there is nothing to compare with.
    """
    if not Path(directory).is_dir():
        raise ReleaseError(f"A copy of a release must be a directory; {directory} is none.")
    probes = read_measured_probes(probes_path, format_)
    is_backbone = probes.kind == "hidden_states"
    open_model = {"saved_model": _open_saved_model, "onnx": _open_onnx, "checkpoint": open_checkpoint}[format_]
    model = open_model(directory, is_backbone)
    what = probes.kind.replace("_", " ")
    largest = 0.0
    for index, (waveform, expected, expected_text) in enumerate(
        zip(probes.waveforms, probes.values, probes.texts, strict=True)
    ):
        for text, values in model(waveform):
            largest = max(largest, _compare(f"{what} of probe {index}", values, expected, directory))
            if text is not None and text != expected_text:
                raise ReleaseError(
                    f"The text of probe {index} must be {expected_text!r}, as was measured; {directory} gives {text!r}."
                )
    if format_ == "onnx" and not is_backbone:
        _verify_int8(Path(directory), probes)
        _verify_onnx_asr(Path(directory), probes)
    return {"format": format_, "probes": len(probes.values), "kind": probes.kind, "max_difference": largest}


def _compare(what: str, values: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], directory: str | Path) -> float:
    """Returns the largest difference of what a copy gives, if it may be as large."""
    if values.shape != expected.shape:
        raise ReleaseError(
            f"The {what} must have the shape {list(expected.shape)} that was measured; {directory} gives"
            f" {list(values.shape)}."
        )
    difference = float(np.abs(values - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise ReleaseError(
            f"The {what} must be within {MAX_DIFFERENCE:g} of what was measured; those of {directory} differ by"
            f" {difference:g}."
        )
    return difference


def _verify_int8(directory: Path, probes: MeasuredProbes) -> None:
    """Compares the file in int8, where there is one, with what was measured of it; if nothing was, asks for numbers."""
    from model.transcriber import Transcriber

    path = directory / QUANTIZED_FILE
    if not path.is_file():
        if probes.int8:
            raise ReleaseError(f"{path} must be there, as it was measured, and is not; copy the release again.")
        return
    transcriber = Transcriber(directory, precision="int8")
    for index, waveform in enumerate(probes.waveforms):
        logits = transcriber.logits(waveform)
        if not probes.int8:
            if logits.shape != probes.values[index].shape or not np.isfinite(logits).all():
                raise ReleaseError(f"The logits of probe {index} must be numbers, and {path} gives none or NaN.")
            continue
        found = (logits, transcriber.decode(logits))
        require_int8_agreement(
            f"probe {index}", found, probes.int8[index], probes.values[index], MAX_DIFFERENCE, str(path)
        )


def _verify_onnx_asr(directory: Path, probes: MeasuredProbes) -> None:
    """Compares the file for onnx-asr, where there is one: the same model, for utterances that are padded."""
    import onnxruntime

    path = directory / ONNX_ASR_FILE
    if not path.is_file():
        return
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for index, (waveform, logits) in enumerate(zip(probes.waveforms, probes.values, strict=True)):
        padded = np.pad(waveform, (0, _PADDING_SAMPLES))[np.newaxis]
        lengths = np.array([len(waveform)], np.int64)
        logprobs = np.asarray(session.run(None, {"input_values": padded, "input_lengths": lengths})[0])[0]
        highest = logits.max(axis=-1, keepdims=True)
        expected = logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))
        _compare(f"logprobs of probe {index}", logprobs[: len(expected)], expected, path)


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
        f"The {result['format']} agrees with what was measured on {result['probes']} probes;"
        f" {result['kind'].replace('_', ' ')} differ by {result['max_difference']:g} at most."
    )


def _open_saved_model(directory: str | Path, is_backbone: bool) -> Model:
    import tensorflow as tf

    name, output = ("encode", HIDDEN_STATES) if is_backbone else ("transcribe", LOGITS)
    try:
        loaded: Any = tf.saved_model.load(str(directory))
        of_sound = loaded.signatures[name]
    except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise ReleaseError(
            f"{directory} must be a SavedModel that can be loaded: {' '.join(str(error).split())}."
        ) from error

    def run(waveform: np.ndarray[Any, Any]) -> Iterator[tuple[str | None, np.ndarray[Any, Any]]]:
        waveforms = tf.constant(waveform[np.newaxis])
        outputs = of_sound(waveform=waveforms, num_samples=tf.constant([len(waveform)], tf.int32))
        frames = int(outputs["num_frames"][0])
        text = None if is_backbone else outputs["text"][0].numpy().decode()
        yield text, outputs[output][0, :frames].numpy()
        # What hub.load and hub.KerasLayer call is another function of the same file.
        yield None, loaded(loaded.normalise(waveforms), training=False)[0].numpy()

    return run


def _open_onnx(directory: str | Path, is_backbone: bool) -> Model:
    if is_backbone:
        from model.onnx_release import OnnxRelease

        backbone = OnnxRelease(directory, HIDDEN_STATES)
        return lambda waveform: iter([(None, backbone.run(waveform))])
    from model.transcriber import Transcriber

    transcriber = Transcriber(directory)

    def run(waveform: np.ndarray[Any, Any]) -> Iterator[tuple[str | None, np.ndarray[Any, Any]]]:
        logits = transcriber.logits(waveform)
        yield transcriber.decode(logits), logits

    return run


def open_checkpoint(directory: str | Path, is_backbone: bool) -> Model:
    """Converts a checkpoint as a person would, so that what is compared is what training would start from.

    Args:
      directory: The checkpoint in the published layout.
      is_backbone: Whether the model has no CTC head.

    Raises:
      ReleaseError: it cannot be loaded, or has another head.
    """
    from model.audio import normalise
    from model.checkpoint import convert_checkpoint
    from model.directory import load_model

    with tempfile.TemporaryDirectory() as place:
        try:
            convert_checkpoint(directory, Path(place) / "model")
            whole = load_model(Path(place) / "model")
        except CheckpointError as error:
            raise ReleaseError(f"{directory} must be a checkpoint that can be loaded: {error}") from error
    loaded = servable(whole)
    if (loaded.tokens is None) != is_backbone:
        raise ReleaseError(f"{directory} must be a checkpoint of the model that was measured, and has another head.")

    def run(waveform: np.ndarray[Any, Any]) -> Iterator[tuple[str | None, np.ndarray[Any, Any]]]:
        values = normalise(waveform) if loaded.preprocessor.get("do_normalize", True) else waveform
        output = loaded.model(values[np.newaxis].astype(np.float32))[0][0].numpy()
        yield None if loaded.tokens is None else loaded.tokens.decode_greedy(output.argmax(-1)), output

    return run


if __name__ == "__main__":
    raise SystemExit(main())
