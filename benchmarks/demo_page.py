"""How long the demo takes to answer a clip of 5 s, with a model of the size of wav2vec2-base, on two cores.

    make bench

A model with random weights becomes an ONNX folder: random weights take as long as trained ones. The demo is started in
float32 and in int8, in its own environment, and asked over HTTP as its page asks it: upload, question, and the stream
of events to its end. Beside it, in the same environment, a bare `Transcriber` hears the same file. All take turns,
round by round; a claim is a median. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _demo_page import DEMO_PYTHON, ROOT, DemoPage, keep_to_two_cores
from _measuring import claim, finish
from _worker import Worker

RATE_HZ = 16_000
SECONDS = 5
PRECISIONS = ("float32", "int8")
# An answer that comes later than this is waited for.
BOUND_SECONDS = 2.0
HERE = Path(__file__).parent

_RELEASE = """
import sys
from model import Wav2Vec2Config, load_model
from model.checkpoint import make_random_model
from model.export.onnx_model import export_onnx
from model.text import librispeech_vocabulary
make_random_model(Wav2Vec2Config(), "ctc", librispeech_vocabulary(), sys.argv[1], 0)
export_onnx(load_model(sys.argv[1]), sys.argv[2])
"""


def main() -> int:
    """Prints medians and claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures how long the demo takes to answer.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", type=Path, help="an ONNX folder of the base architecture; default: it is made")
    options = parser.parse_args()
    keep_to_two_cores()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        model, sound = options.model or release(root), root / "clip.wav"
        write_sound(sound)
        pages = {precision: DemoPage(model, precision) for precision in PRECISIONS}
        paths = {"PYTHONPATH": f"{HERE}:{ROOT}"}
        command = [str(DEMO_PYTHON), str(HERE / "_transcriber_bare.py"), str(model)]
        bare = {precision: Worker([*command, precision], paths) for precision in PRECISIONS}
        taken: dict[str, list[float]] = {}
        for number in range(options.rounds + 1):
            for precision in PRECISIONS:
                text = bare[precision].ask(sound=str(sound))
                start = time.perf_counter()
                shown = pages[precision].answer(sound)
                seconds = time.perf_counter() - start
                if text["text"] not in shown:
                    raise SystemExit(f"The page must show {text['text']!r}, and shows {shown}.")
                # The first answer makes memory ready.
                if number:
                    taken.setdefault(f"page_{precision}", []).append(seconds)
                    taken.setdefault(f"bare_{precision}", []).append(text["seconds"])
        for worker in (*pages.values(), *bare.values()):
            worker.close()
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, values in taken.items():
        print(f"{name:<14}{medians[name]:6.3f} s ({min(values):.3f} to {max(values):.3f})")
    claims = {f"seconds_{precision}": claim(medians[f"page_{precision}"], BOUND_SECONDS) for precision in PRECISIONS}
    conditions = {
        "cores_used": 2,
        "rounds": options.rounds,
        "clip_seconds": SECONDS,
        "seconds_bare": {precision: round(medians[f"bare_{precision}"], 3) for precision in PRECISIONS},
    }
    return finish(claims, conditions)


def release(root: Path) -> Path:
    """Makes the ONNX folder; returns its path."""
    # In a process of its own, so that what TensorFlow holds is gone before anything is measured.
    command = [sys.executable, "-c", _RELEASE, str(root / "model"), str(root / "onnx")]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return root / "onnx"


def write_sound(path: Path) -> None:
    """Writes noise that swells and fades like words."""
    import numpy as np
    import soundfile

    times = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    swell = 0.05 * np.abs(np.sin(2 * np.pi * 1.5 * times))
    soundfile.write(path, swell * np.random.default_rng(0).standard_normal(len(times)), RATE_HZ, subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(main())
