"""What the default run costs: seconds and memory of `w2v2 run` in a new workspace, and of a second one there.

    make bench

A run takes minutes, so there is one of each; what stands beside it is the bound that the project promises. The second
run shows what the cache saves. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _measuring import claim, finish

MAX_SECONDS = 480.0
MAX_FURTHER_SECONDS = 60.0
MAX_PEAK_GIGABYTES = 6.0
MAX_WER = 0.1


def main() -> int:
    """Prints the figures and the claims; returns 0 if every claim holds."""
    argparse.ArgumentParser(description="Measures the default run, and a second one with nothing new.").parse_args()
    w2v2 = str(Path(sys.executable).with_name("w2v2"))
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "W2V2_WORKSPACE": str(Path(directory) / "workspace")}
        for _ in range(2):
            subprocess.run([w2v2, "run"], check=True, stdout=subprocess.DEVNULL, env=environment)
        told = subprocess.run([w2v2, "runs", "--json"], check=True, capture_output=True, text=True, env=environment)
        further, first = json.loads(told.stdout)["runs"]
    for node in first["nodes"]:
        print(f"{node['id']:<24}{node['seconds'] or 0:7.1f} s")
    peak = max(first["peak_memory_bytes"], further["peak_memory_bytes"]) / 1e9
    wer = max(first["wer"].values())
    print(f"first run {first['seconds']:.0f} s, further run {further['seconds']:.0f} s, {peak:.1f} GB, WER {wer:.3f}")
    claims = {
        "first_run_seconds": claim(first["seconds"], MAX_SECONDS),
        "further_run_seconds": claim(further["seconds"], MAX_FURTHER_SECONDS),
        "further_vs_first": claim(further["seconds"] / first["seconds"], MAX_FURTHER_SECONDS / MAX_SECONDS),
        "peak_gigabytes": claim(peak, MAX_PEAK_GIGABYTES),
        "test_wer": claim(wer, MAX_WER),
    }
    return finish(claims, {"rounds": 1})


if __name__ == "__main__":
    sys.exit(main())
