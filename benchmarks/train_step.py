"""How long a training step of the base model takes, beside PyTorch's, on the same batch and from the same weights.

    make bench

A step is the forward pass, the CTC loss per label, the backward pass and AdamW, of four utterances of five seconds, in
float32. PyTorch (in .venv-reference) makes the base architecture with random weights at its full size; it is converted;
then three processes take turns, round by round: PyTorch, our model as a graph, and our model compiled by XLA. Dropout,
LayerDrop and masking are off on both sides, so that the losses can be compared: they are, in the first steps. Of the
optimizers that PyTorch has, the faster one is measured; of our graph and XLA, the claim is on the faster. It is on a
step that trains all variables; the other one leaves out the convolutions, as fine-tuning does by default, and is told.
Peak memory is that of the whole process during a step. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measuring import REFERENCE_PYTHON, claim, finish, make_base
from _worker import Worker

HERE = Path(__file__).parent
BATCH, SAMPLES = 4, 80_000
OURS = ("graph", "xla")
PYTORCH_OPTIMIZERS = ("foreach", "fused")
# The first step of a process traces or compiles; PyTorch's optimizer makes its state in it.
WARM_UP_STEPS = 2


def main() -> int:
    """Prints medians, memory, losses and the claim; returns 0 if it holds."""
    parser = argparse.ArgumentParser(description="Measures a training step of the base model beside PyTorch's.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        published, converted = Path(directory) / "base", Path(directory) / "model"
        make_base(published)
        w2v2 = Path(sys.executable).with_name("w2v2")
        subprocess.run([w2v2, "convert", published, converted], check=True, stdout=subprocess.DEVNULL)
        every = _measure(published, converted, "all", rounds)
        frozen = _measure(published, converted, "frozen", rounds)
    claims = {"time_vs_pytorch": claim(every["ratio"], 1.0)}
    conditions = {
        "rounds": rounds,
        "batch": BATCH,
        "samples": SAMPLES,
        "peak_memory_gb": every["peak_memory_gb"],
        "largest_loss_difference": max(every["loss_difference"], frozen["loss_difference"]),
        "convolutions_frozen": {
            "time_vs_pytorch": round(frozen["ratio"], 3), "peak_memory_gb": frozen["peak_memory_gb"],
        },
    }  # fmt: skip
    return finish(claims, conditions)


def _measure(published: Path, converted: Path, trained: str, rounds: int) -> dict[str, Any]:
    """Measures what all sides take where `all` variables are trained, or those beside the `frozen` convolutions."""

    def pytorch(optimizer: str) -> Worker:
        return Worker([str(REFERENCE_PYTHON), str(HERE / "_train_step_pytorch.py"), str(published), optimizer, trained])

    # Both optimizers at once, so that they take turns, too.
    candidates = {optimizer: pytorch(optimizer) for optimizer in PYTORCH_OPTIMIZERS}
    fastest = {optimizer: float("inf") for optimizer in candidates}
    for number in range(WARM_UP_STEPS + 3):
        for optimizer, worker in candidates.items():
            seconds = _step(worker)["seconds"]
            if number >= WARM_UP_STEPS:
                fastest[optimizer] = min(fastest[optimizer], seconds)
    for worker in candidates.values():
        worker.close()
    optimizer = min(PYTORCH_OPTIMIZERS, key=lambda name: fastest[name])
    workers = {"pytorch": pytorch(optimizer)}
    for kind in OURS:
        ours = [sys.executable, str(HERE / "_train_step_ours.py"), str(converted), kind, trained]
        workers[kind] = Worker(ours)
    first = {kind: [_step(worker)["loss"] for _ in range(WARM_UP_STEPS)] for kind, worker in workers.items()}
    difference = 0.0
    for number in range(WARM_UP_STEPS):
        theirs = first["pytorch"][number]
        for kind in OURS:
            difference = max(difference, abs(first[kind][number] - theirs) / abs(theirs))
            print(f"step {number + 1}  loss of PyTorch {theirs:.6f}, of {kind} {first[kind][number]:.6f}")
    runs = {kind: [] for kind in workers}
    for _ in range(rounds):
        for kind, worker in workers.items():
            runs[kind].append(_step(worker))
    for worker in workers.values():
        worker.close()
    seconds = {kind: statistics.median(run["seconds"] for run in of_one) for kind, of_one in runs.items()}
    peaks = {kind: max(run["peak_bytes"] for run in of_one) / 1e9 for kind, of_one in runs.items()}
    best = min(OURS, key=lambda kind: seconds[kind])
    for kind in workers:
        spread = sorted(run["seconds"] for run in runs[kind])
        name = f"{kind} ({optimizer})" if kind == "pytorch" else kind
        print(
            f"{trained:<8}{name:<18}{seconds[kind]:7.2f} s ({spread[0]:.2f} to {spread[-1]:.2f}){peaks[kind]:6.2f} GB"
        )
    return {
        "ratio": seconds[best] / seconds["pytorch"],
        "loss_difference": difference,
        "peak_memory_gb": {kind: round(peak, 2) for kind, peak in peaks.items()},
    }


def _step(worker: Worker) -> dict[str, Any]:
    return worker.ask(batch=BATCH, samples=SAMPLES)


if __name__ == "__main__":
    sys.exit(main())
