"""How long the conversion of a base checkpoint takes, and how much memory, beside loading it in PyTorch.

    make bench

PyTorch (in .venv-reference) makes the base architecture with random weights at its full size. Then `w2v2 convert` and
`transformers` load it in turn, each in a new process, round by round. The last line is one JSON object.
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

from _measuring import REFERENCE_PYTHON, claim, finish, make_base

LOAD = "import sys, transformers; transformers.Wav2Vec2ForCTC.from_pretrained(sys.argv[1])"


def main() -> int:
    """Prints the medians and the claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures the conversion of a base checkpoint.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        published = Path(directory) / "base"
        make_base(published)
        w2v2 = str(Path(sys.executable).with_name("w2v2"))
        commands = {
            "convert": [w2v2, "convert", str(published), str(Path(directory) / "model")],
            "pytorch": [str(REFERENCE_PYTHON), "-c", LOAD, str(published)],
        }
        runs = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                runs[name].append(measured(command))
    seconds = {name: statistics.median(run[0] for run in of_one) for name, of_one in runs.items()}
    peaks = {name: max(run[1] for run in of_one) / 1e9 for name, of_one in runs.items()}
    for name in commands:
        print(f"{name:<8}{seconds[name]:6.2f} s, median of {rounds}; {peaks[name]:.2f} GB at most")
    claims = {"convert_base_seconds": claim(seconds["convert"], 15.0), "convert_base_gb": claim(peaks["convert"], 2.0)}
    return finish(claims, {"rounds": rounds, "pytorch_load_seconds": round(seconds["pytorch"], 2)})


def measured(command: list[str]) -> tuple[float, int]:
    """Returns the seconds that a command takes, and the peak of its resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command} ended with {status}; run it alone to see why.")
    # Linux counts in KiB.
    return seconds, usage.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
