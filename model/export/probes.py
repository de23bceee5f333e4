"""What a model computes of a few sounds, for whoever has to compare a copy of its release with it.

    python -m model.export.probes MODEL_DIRECTORY PROBES.npz [--json]

The evaluator keeps such probes of real utterances. Where nothing is evaluated, these are made of noise and tones, by
the Keras model, and each format of the release must give the same.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model import fresh_process
from model.errors import ReleaseError
from model.export.verify import MAX_DIFFERENCE
from model.storage import replacing

NUM_PROBES = 3
# A text is compared letter by letter: a frame whose two best tokens are as near as files may differ says nothing.
_NUM_CANDIDATES = 16
_SECONDS = (0.6, 1.0, 1.7)


def make_probes_in_fresh_process(model_directory: str | os.PathLike[str], path: str | os.PathLike[str]) -> int:
    """Runs this module for a model directory.

    Returns:
      The number of probes.

    Raises:
      CheckpointError: the model directory is not whole.
      ReleaseError: what the model gives are no numbers.
    """
    arguments = [str(Path(model_directory).resolve()), str(Path(path).resolve()), "--json"]
    return fresh_process.run(__name__, arguments)["probes"]


def make_probes(model_directory: str | Path, path: str | Path) -> dict[str, Any]:
    """Writes what a model gives of a few sounds, as `model.export.verify` reads it.

    Args:
      model_directory: What `model.directory.save_model` wrote.
      path: The file, `.npz`.

    Returns:
      The number of probes.

    Raises:
      ReleaseError: what the model gives are no numbers.
    """
    from model.audio import normalise
    from model.directory import load_model
    from model.export.servable import servable

    loaded = servable(load_model(model_directory))
    rate_hz = int(loaded.preprocessor.get("sampling_rate", 16_000))
    found = []
    for waveform in _sounds(rate_hz):
        values = normalise(waveform) if loaded.preprocessor.get("do_normalize", True) else waveform
        output = np.asarray(loaded.model(values[np.newaxis].astype(np.float32))[0][0])
        if not output.size or not np.isfinite(output).all():
            raise ReleaseError(
                f"What a model gives must be numbers, and of a test sound {model_directory} gives none or NaN; train it"
                " again."
            )
        found.append((waveform, output))
    if loaded.tokens is not None:
        found.sort(key=lambda pair: -_margin(pair[1]))
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for number, (waveform, output) in enumerate(found[:NUM_PROBES]):
        arrays[f"waveform_{number}"] = waveform
        kind = "hidden_states" if loaded.tokens is None else "logits"
        arrays |= {f"{format_}_{kind}_{number}": output for format_ in ("saved_model", "onnx")}
        if loaded.tokens is not None:
            text = np.array(loaded.tokens.decode_greedy(output.argmax(-1)))
            arrays |= {f"text_{number}": text, f"onnx_text_{number}": text}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
    return {"probes": min(len(found), NUM_PROBES)}


def _sounds(rate_hz: int) -> list[np.ndarray[Any, Any]]:
    """Returns tones that come and go in noise, always the same: float32 `[samples]` each."""
    random = np.random.default_rng(0)
    sounds = []
    for number in range(_NUM_CANDIDATES):
        times = np.arange(int(_SECONDS[number % len(_SECONDS)] * rate_hz)) / rate_hz
        pitch_hz, beat_hz = random.uniform(90, 400), random.uniform(2, 6)
        tone = np.sin(2 * np.pi * pitch_hz * times) * np.sin(np.pi * beat_hz * times) ** 2
        sounds.append((0.2 * tone + 0.02 * random.standard_normal(len(times))).astype(np.float32))
    return sounds


def _margin(logits: np.ndarray[Any, Any]) -> float:
    """Returns by how much the best token of a frame is ahead, where it is least, up to what suffices."""
    best = np.sort(logits, axis=-1)
    return min(float((best[:, -1] - best[:, -2]).min()), 2 * MAX_DIFFERENCE)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes probes; prints their number, or with `--json` one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m model.export.probes", description="Makes probes of a model.")
    parser.add_argument("model_directory")
    parser.add_argument("probes")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    return fresh_process.report(
        lambda: make_probes(arguments.model_directory, arguments.probes),
        None if arguments.json else lambda result: f"{result['probes']} probes",
    )


if __name__ == "__main__":
    raise SystemExit(main())
