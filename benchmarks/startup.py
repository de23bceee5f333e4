"""How long a person waits for an answer: `w2v2 --help`, Tab and `w2v2 transcribe`, beside TensorFlow.

    make bench

It makes five seconds of sound and a release of the checkpoint that comes with the project, and then starts each command
anew, round by round in turn. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _measuring import claim, finish

TENSORFLOW = """
import sys
import numpy as np, soundfile, tensorflow as tf
samples, _ = soundfile.read(sys.argv[2], dtype="float32")
model = tf.saved_model.load(sys.argv[1])
text = model.signatures["transcribe"](
    waveform=tf.constant(samples[None]), num_samples=tf.constant([len(samples)]))["text"]
print(text.numpy()[0].decode())
"""


def main() -> int:
    """Prints the medians and the claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures how long the commands take to start.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    w2v2 = str(Path(sys.executable).with_name("w2v2"))
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        release(root)
        sound = root / "sound.flac"
        write_sound(sound)
        commands = {
            "help": [w2v2, "--help"],
            "tab": ["env", "_W2V2_COMPLETE=complete_bash", "COMP_WORDS=w2v2 run --config s", "COMP_CWORD=3", w2v2],
            "transcribe": [w2v2, "transcribe", str(sound), "--model", str(root / "onnx")],
            "tensorflow": [sys.executable, "-c", TENSORFLOW, str(root / "saved_model"), str(sound)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                seconds[name].append(timed(command))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<12}{median:6.2f} s, median of {rounds} ({min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    claims = {
        "help_seconds": claim(medians["help"], 0.3),
        "tab_seconds": claim(medians["tab"], 0.3),
        "transcribe_seconds": claim(medians["transcribe"], 2.0),
        "transcribe_vs_tensorflow": claim(medians["transcribe"] / medians["tensorflow"], 1.0),
    }
    return finish(claims, {"rounds": rounds})


def release(root: Path) -> None:
    """Exports the checkpoint that comes with the project, as ONNX and as SavedModel."""
    from model import load_model
    from model.checkpoint import convert_checkpoint
    from model.export.onnx_model import export_onnx
    from model.export.saved_model import export_saved_model
    from model.pretrained import TINY

    convert_checkpoint(TINY, root / "model")
    loaded = load_model(root / "model")
    export_onnx(loaded, root / "onnx")
    export_saved_model(loaded, root / "saved_model")


def write_sound(path: Path) -> None:
    """Writes five seconds of noise; what is heard in it does not matter here."""
    import soundfile

    samples = np.random.default_rng(0).normal(scale=0.05, size=80_000)
    soundfile.write(path, samples, 16_000)


def timed(command: list[str]) -> float:
    """Returns the seconds that a command takes."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "100"}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
