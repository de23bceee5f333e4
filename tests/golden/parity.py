"""Compares the model with PyTorch's, module by module, and prints a table: `make parity`.

The tiny variants are compared with the stored reference values. Published architectures are made with random weights at
their full size by PyTorch, in an environment of its own, and compared at once; of the largest, a few layers at their
full width. `--modules` prints every module. The last column is not about PyTorch: it is the largest difference of one
utterance alone and padded to 246,000 samples.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from model.checkpoint import convert_checkpoint
from model.checkpoint.parity import MAX_ABSOLUTE, MAX_RELATIVE, ModuleDifference, compare
from model.directory import load_model

GOLDEN = Path(__file__).parent / "wav2vec2"
FULL = ("base", "large", "large-lv60", "xls-r-1b-3-layers", "xls-r-2b-3-layers-float64", "hubert-xlarge-3-layers")


def differences(checkpoint: Path, directory: Path) -> tuple[list[ModuleDifference], float]:
    """Converts a checkpoint; returns how far each module is from its `reference.npz`, and how much padding changes."""
    convert_checkpoint(checkpoint, directory / "model")
    model = load_model(directory / "model").model
    return compare(model, checkpoint / "reference.npz"), padding_difference(model)


def padding_difference(model: Any) -> float:
    """Returns the largest difference of what an utterance of 5,000 samples gives alone and padded to 246,000."""
    padded = np.zeros((1, 246_000), np.float32)
    padded[0, :5_000] = np.random.default_rng(3).normal(size=5_000)
    alone = np.asarray(model(padded[:, :5_000])[0])
    with_padding = np.asarray(model(padded, np.array([5_000], np.int32))[0])
    return float(np.abs(with_padding[:, : alone.shape[1]] - alone).max())


def show(name: str, found: list[ModuleDifference], padding: float, modules: bool) -> bool:
    """Prints one line, or one for each module; returns whether all agree."""
    largest = max(found, key=lambda one: one.absolute)
    furthest = max(found, key=lambda one: one.relative)
    agrees = all(one.agrees for one in found) and padding <= MAX_ABSOLUTE
    print(
        f"{name:<28}{len(found):>8}{largest.absolute:>10.1e}{furthest.relative:>10.1e}{padding:>10.1e}"
        f"  {'' if agrees else 'FAILS: '}{furthest.name}",
        flush=True,
    )
    for one in found if modules else []:
        print(f"  {one.name:<66}{one.absolute:>10.1e}{one.relative:>10.1e}{'' if one.agrees else '  FAILS'}")
    return agrees


def main() -> int:
    """Prints the table; returns 0 if everything agrees, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Compares the model with PyTorch's, module by module.")
    parser.add_argument("--reference-python", required=True, help="the Python that has torch and transformers")
    parser.add_argument("--modules", action="store_true", help="print every module")
    parser.add_argument("--full", nargs="*", default=FULL, choices=FULL, help="which to compare at full size")
    arguments = parser.parse_args()
    agree = True
    print(f"{'model':<28}{'modules':>8}{'absolute':>10}{'relative':>10}{'padded':>10}  furthest module, relatively")
    for checkpoint in sorted(path.parent for path in GOLDEN.glob("*/reference.npz")):
        with tempfile.TemporaryDirectory() as directory:
            found, padding = differences(checkpoint, Path(directory))
        agree = show(checkpoint.name, found, padding, arguments.modules) and agree
    for name in arguments.full:
        with tempfile.TemporaryDirectory() as directory:
            full = Path(directory) / name
            subprocess.run(
                [arguments.reference_python, str(GOLDEN / "make.py"), "--full", name, str(full)],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            found, padding = differences(full, Path(directory))
            agree = show(name, found, padding, arguments.modules) and agree
    print(f"Bounds: {MAX_ABSOLUTE:g} absolute, {MAX_RELATIVE:g} relative.")
    return int(not agree)


if __name__ == "__main__":
    sys.exit(main())
