"""Compares the model with PyTorch's, module by module, and prints a table: `make parity`.

The tiny variants are compared with the stored reference values; the published base architecture is made with random
weights at its full size by PyTorch, in an environment of its own, and compared at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

GOLDEN = Path(__file__).parent / "wav2vec2"
MAX_ABSOLUTE = 1e-4
MAX_RELATIVE = 1e-5
VARIANTS = ("group_post_norm", "layer_pre_norm")


def compare(checkpoint: Path) -> list[tuple[str, float, float]]:
    """Returns name, largest absolute and relative difference of every module's output, over both utterances."""
    from model import load_model
    from model.checkpoint import convert_checkpoint

    with tempfile.TemporaryDirectory() as directory:
        convert_checkpoint(checkpoint, Path(directory) / "model")
        model = load_model(Path(directory) / "model").model
    reference = np.load(checkpoint / "reference.npz")
    found: dict[str, tuple[float, float]] = {}
    for index in (0, 1):
        waveform = reference[f"waveform_{index}"][None]
        features = model.backbone.feature_extractor(waveform)
        projected = model.backbone.feature_projection(features)
        outputs = {
            "features": features,
            "projected": projected,
            "positions": model.backbone.encoder.pos_conv_embed(projected),
            "logits": model(waveform)[0],
        }
        for name, output in outputs.items():
            expected = reference[f"{name}_{index}"]
            error = output[0].numpy() - expected
            absolute = float(np.abs(error).max())
            relative = float(np.linalg.norm(error) / np.linalg.norm(expected))
            before = found.get(name, (0.0, 0.0))
            found[name] = (max(before[0], absolute), max(before[1], relative))
    return [(name, *values) for name, values in found.items()]


def main() -> int:
    """Prints the table; returns 0 if everything agrees, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Compares the model with PyTorch's, module by module.")
    parser.add_argument("--reference-python", required=True, help="the Python that has torch and transformers")
    arguments = parser.parse_args()
    failed = False
    print(f"{'model':<18}{'module':<12}{'absolute':>10}{'relative':>10}")
    with tempfile.TemporaryDirectory() as directory:
        full = Path(directory) / "base"
        subprocess.run(
            [arguments.reference_python, str(GOLDEN / "make.py"), "--full", str(full)],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        for checkpoint in (*(GOLDEN / name for name in VARIANTS), full):
            for name, absolute, relative in compare(checkpoint):
                agrees = absolute <= MAX_ABSOLUTE and relative <= MAX_RELATIVE
                failed = failed or not agrees
                print(f"{checkpoint.name:<18}{name:<12}{absolute:>10.1e}{relative:>10.1e}{'' if agrees else '  FAILS'}")
    print(f"Bounds: {MAX_ABSOLUTE:g} absolute, {MAX_RELATIVE:g} relative.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
