"""How long one utterance takes, from a release and from what a user would run instead.

    make bench

PyTorch (in .venv-reference) makes the base architecture with random weights at its full size, and its own exporter the
ONNX file that our users could have without us; onnxruntime's tool makes one of it with matrix products in int8. Ours is
what `w2v2 export` writes: the SavedModel, and two ONNX files. All ONNX files run in the same onnxruntime, that of the
lock. Each contender has a process of its own and two threads. They take turns, round by round, and a claim is the
median of the ratios within the rounds, because machines are shared. Peak memory is that of the whole process during a
call. The last line is one JSON object.
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
LENGTHS = (50_000, 246_000)
THREADS = {"OMP_NUM_THREADS": "2"}
BASELINE = "pytorch's onnx"
OURS = "our onnx"
# Contenders that compute in float32, and whose logits must therefore be PyTorch's.
EXACT = (BASELINE, OURS, "our onnx, openvino", "our savedmodel", "our savedmodel, xla")
# Every way to run our files that a user can install with pip.
RUNTIMES = (OURS, "our onnx, int8", "our onnx, openvino", "our onnx, openvino bf16", "our savedmodel")


def main() -> int:
    """Prints medians, memory and claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures the latency of released models beside PyTorch's.")
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        workers, sizes = _contenders(Path(directory))
        claims = {"int8_size_share": claim(sizes["our onnx, int8"] / sizes[OURS], 0.3)}
        memory, seconds, fastest, largest = {}, {}, {}, 0.0
        for samples in LENGTHS:
            request = {"samples": samples, "batch": 1}
            first = {name: worker.ask(**request)["logits"] for name, worker in workers.items()}
            for name in EXACT:
                pairs = zip(first[name], first["pytorch"], strict=True)
                largest = max(largest, *(abs(ours - theirs) for ours, theirs in pairs))
            runs = {name: [] for name in workers}
            for _ in range(rounds):
                for name, worker in workers.items():
                    runs[name].append(worker.ask(**request))
            taken = {name: [run["seconds"] for run in of_one] for name, of_one in runs.items()}
            peaks = {name: max(run["peak_bytes"] for run in of_one) / 1e9 for name, of_one in runs.items()}
            for name, values in taken.items():
                print(
                    f"{samples:>7}  {name:<26}{statistics.median(values):7.3f} s"
                    f" ({min(values):.3f} to {max(values):.3f}){_ratio(values, taken[BASELINE]):6.2f}"
                    f"{peaks[name]:6.2f} GB"
                )
            fastest[samples] = min(RUNTIMES, key=lambda name: _ratio(taken[name], taken[BASELINE]))
            claims |= {
                f"onnx_vs_pytorch_onnx_{samples}": claim(_ratio(taken[OURS], taken[BASELINE]), 0.95),
                f"int8_vs_pytorch_onnx_{samples}": claim(_ratio(taken["our onnx, int8"], taken[BASELINE]), 0.5),
                f"best_runtime_vs_pytorch_onnx_{samples}": claim(
                    _ratio(taken[fastest[samples]], taken[BASELINE]), 0.42
                ),
                f"savedmodel_vs_onnx_{samples}": claim(_ratio(taken["our savedmodel"], taken[OURS]), 1.2),
            }
            memory[samples] = {name: round(peak, 2) for name, peak in peaks.items()}
            seconds[samples] = {name: round(statistics.median(values), 4) for name, values in taken.items()}
        for worker in workers.values():
            worker.close()
    print(f"Largest difference of float32 logits from PyTorch's: {largest:.1e}")
    conditions = {
        "rounds": rounds,
        "threads": 2,
        "seconds": seconds,
        "peak_memory_gb": memory,
        "fastest": fastest,
        "file_bytes": sizes,
        "largest_logit_difference": largest,
    }
    return finish(claims, conditions)


def _contenders(directory: Path) -> tuple[dict[str, Worker], dict[str, int]]:
    """Makes all files, and starts a process for each contender; returns these, and the sizes of ONNX files."""
    published, converted, release = directory / "base", directory / "model", directory / "release"
    theirs, theirs_int8 = directory / "pytorch.onnx", directory / "pytorch_int8.onnx"
    make_base(published)
    for command in (
        [Path(sys.executable).with_name("w2v2"), "convert", published, converted],
        [sys.executable, "-m", "model.export.build", converted, release, "--formats", "saved_model,onnx"],
        [REFERENCE_PYTHON, HERE / "_latency_pytorch.py", published, theirs],
        [sys.executable, "-c", _QUANTISE, theirs, theirs_int8],
    ):
        subprocess.run(command, check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours, ours_int8 = (release / "onnx" / "onnx" / name for name in ("model.onnx", "model_quantized.onnx"))
    saved_model = release / "saved_model"

    def worker(script: str, *arguments: str | Path, python: str | Path = sys.executable) -> Worker:
        return Worker([str(python), str(HERE / script), *map(str, arguments)], THREADS)

    workers = {
        BASELINE: worker("_latency_onnxruntime.py", theirs),
        OURS: worker("_latency_onnxruntime.py", ours),
        "our savedmodel": worker("_latency_saved_model.py", saved_model, "graph"),
        "our onnx, int8": worker("_latency_onnxruntime.py", ours_int8),
        "our onnx, openvino bf16": worker("_latency_openvino.py", ours, "bf16"),
        "our onnx, openvino": worker("_latency_openvino.py", ours, "f32"),
        "our savedmodel, xla": worker("_latency_saved_model.py", saved_model, "xla"),
        "pytorch's onnx, int8": worker("_latency_onnxruntime.py", theirs_int8),
        "pytorch's onnx, openvino": worker("_latency_openvino.py", theirs, "f32"),
        "pytorch's onnx, openvino bf16": worker("_latency_openvino.py", theirs, "bf16"),
        "pytorch": worker("_forward_pytorch.py", published, python=REFERENCE_PYTHON),
    }
    paths = {BASELINE: theirs, "pytorch's onnx, int8": theirs_int8, OURS: ours, "our onnx, int8": ours_int8}
    return workers, {name: path.stat().st_size for name, path in paths.items()}


_QUANTISE = """
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
options = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "weight_type": QuantType.QInt8}
quantize_dynamic(sys.argv[1], sys.argv[2], **options)
"""


def _ratio(values: list[float], others: list[float]) -> float:
    return statistics.median(value / other for value, other in zip(values, others, strict=True))


if __name__ == "__main__":
    sys.exit(main())
