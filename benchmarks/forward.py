"""How long the base model takes, beside PyTorch's, on the same inputs and with the same weights.

    make bench

PyTorch (in .venv-reference) makes the base architecture with random weights at its full size; it is converted; then
three processes take turns, round by round: PyTorch, our model as a graph, and our model compiled by XLA. All compute in
float32, with as many threads as their library takes by itself. The claim is on the better of graph and XLA. Peak memory
is that of the whole process during a call. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _measuring import REFERENCE_PYTHON, claim, finish, make_base
from _worker import Worker

HERE = Path(__file__).parent
CASES = ((50_000, 1), (50_000, 4), (246_000, 1), (246_000, 4))
OURS = ("graph", "xla")


def main() -> int:
    """Prints medians, memory and claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures the forward pass of the base model beside PyTorch's.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        published, converted = Path(directory) / "base", Path(directory) / "model"
        make_base(published)
        w2v2 = Path(sys.executable).with_name("w2v2")
        subprocess.run([w2v2, "convert", published, converted], check=True, stdout=subprocess.DEVNULL)
        workers = {"pytorch": Worker([str(REFERENCE_PYTHON), str(HERE / "_forward_pytorch.py"), str(published)])}
        for kind in OURS:
            workers[kind] = Worker([sys.executable, str(HERE / "_forward_ours.py"), str(converted), kind])
        claims, memory, largest = {}, {}, 0.0
        for samples, batch in CASES:
            name = f"{samples}_batch{batch}"
            first = {kind: worker.ask(samples=samples, batch=batch) for kind, worker in workers.items()}
            for kind in OURS:
                pairs = zip(first[kind]["logits"], first["pytorch"]["logits"], strict=True)
                largest = max(largest, *(abs(ours - theirs) for ours, theirs in pairs))
            runs = {kind: [] for kind in workers}
            for _ in range(rounds):
                for kind, worker in workers.items():
                    runs[kind].append(worker.ask(samples=samples, batch=batch))
            seconds = {kind: statistics.median(run["seconds"] for run in of_one) for kind, of_one in runs.items()}
            peaks = {kind: max(run["peak_bytes"] for run in of_one) / 1e9 for kind, of_one in runs.items()}
            best = min(OURS, key=lambda kind: seconds[kind])
            for kind in workers:
                spread = sorted(run["seconds"] for run in runs[kind])
                print(
                    f"{samples:>7} × {batch}  {kind:<8}{seconds[kind]:7.3f} s ({spread[0]:.3f} to {spread[-1]:.3f})"
                    f"{peaks[kind]:6.2f} GB"
                )
            claims[f"time_vs_pytorch_{name}"] = claim(seconds[best] / seconds["pytorch"], 1.0)
            memory[name] = {kind: round(peak, 2) for kind, peak in peaks.items()}
    print(f"Largest difference of the logits that were compared: {largest:.1e}")
    return finish(claims, {"rounds": rounds, "peak_memory_gb": memory, "largest_logit_difference": largest})


if __name__ == "__main__":
    sys.exit(main())
