"""What an hour of sound costs `w2v2 transcribe`, with the base architecture: time, and the peak of its memory.

    make bench

PyTorch (in .venv-reference) makes the base architecture with random weights at its full size, which becomes an ONNX
folder. Then `w2v2 transcribe` hears an hour of sound, and five minutes of it, in each runtime, each in a process of its
own. What is heard does not matter here; random weights take as long as trained ones. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import claim, finish, make_base

RATE_HZ = 16_000
# What evaluation measures, what a user without any extra has, and what is taken where OpenVINO is installed.
WAYS = {
    "onnxruntime_float32": ("onnxruntime", "float32"),
    "onnxruntime_int8": ("onnxruntime", "int8"),
    "openvino_bfloat16": ("openvino", "bfloat16"),
}


def main() -> int:
    """Prints seconds and peaks; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures the transcription of an hour of sound.")
    parser.add_argument("--model", type=Path, help="an ONNX folder of the base architecture; default: it is made")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        model = options.model or release(root)
        sounds = {minutes: root / f"{minutes}.flac" for minutes in (5, options.minutes)}
        for minutes, path in sounds.items():
            write_sound(path, minutes)
        runs: dict[str, dict[int, dict[str, Any]]] = {}
        for name in options.ways:
            runtime, precision = WAYS[name]
            for minutes, path in sounds.items():
                run = transcribed(path, model, runtime, precision, options.threads)
                runs.setdefault(name, {})[minutes] = run
                speed = 60 * minutes / run["seconds"]
                told = f"{name:<20}{minutes:3d} min in {run['seconds']:6.1f} s, {speed:5.1f} × real time"
                print(f"{told}; {run['peak_gb']:.2f} GB at most", flush=True)
    claims = {f"peak_gb_{name}": claim(by_length[options.minutes]["peak_gb"], 1.5) for name, by_length in runs.items()}
    conditions: dict[str, Any] = {"minutes": options.minutes, "threads": options.threads}
    for name, by_length in runs.items():
        conditions[f"seconds_per_hour_{name}"] = round(by_length[options.minutes]["seconds"] * 60 / options.minutes, 1)
        conditions[f"peak_gb_of_5_minutes_{name}"] = round(by_length[5]["peak_gb"], 3)
    return finish(claims, conditions)


def release(root: Path) -> Path:
    """Makes the ONNX folder; returns its path."""
    make_base(root / "base")
    code = (
        "import sys; from model import load_model; from model.checkpoint import convert_checkpoint\n"
        "from model.export.onnx_model import export_onnx\n"
        "convert_checkpoint(sys.argv[1], sys.argv[2]); export_onnx(load_model(sys.argv[2]), sys.argv[3])"
    )
    # In a process of its own, so that what TensorFlow holds is gone before anything is measured.
    places = [str(root / name) for name in ("base", "model", "onnx")]
    subprocess.run([sys.executable, "-c", code, *places], check=True, stderr=subprocess.DEVNULL)
    return root / "onnx"


def write_sound(path: Path, minutes: int) -> None:
    """Writes noise that swells and fades like words, with a second of silence in each minute."""
    import soundfile

    random = np.random.default_rng(0)
    times = np.arange(60 * RATE_HZ) / RATE_HZ
    swell = 0.05 * np.abs(np.sin(2 * np.pi * 1.5 * times))
    swell[-RATE_HZ:] = 0.0
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(minutes):
            file.write(swell * random.standard_normal(len(times)))


def transcribed(path: Path, model: Path, runtime: str, precision: str, threads: int) -> dict[str, Any]:
    """Runs the command; returns its seconds and the peak of its resident memory."""
    command = [str(Path(sys.executable).with_name("w2v2")), "transcribe", str(path), "--model", str(model), "--json"]
    command += ["--runtime", runtime, "--precision", precision, "--threads", str(threads)]
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        document = json.load(output)
    if status:
        raise SystemExit(f"{command} ended with {status}: {document}")
    (transcription,) = document["transcriptions"]
    assert transcription["duration_seconds"] % 60 == 0, "all of it was read"
    # Linux counts in KiB.
    return {"seconds": seconds, "peak_gb": usage.ru_maxrss * 1024 / 1e9}


if __name__ == "__main__":
    sys.exit(main())
