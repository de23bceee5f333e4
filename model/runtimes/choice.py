"""Which runtime hears, in which numbers, from which file."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Literal, get_args

from model.errors import UsageError
from model.runtimes.processor import has_bfloat16

Runtime = Literal["auto", "onnxruntime", "openvino"]
Precision = Literal["auto", "float32", "int8", "bfloat16"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

MODEL_FILE = "onnx/model.onnx"
# Not every release has one: those made before there was one, and backbones, have not.
QUANTIZED_FILE = "onnx/model_quantized.onnx"

# A smaller model, such as the one that comes with the project, is heard sooner by onnxruntime: OpenVINO makes itself
# ready for each new length, and that takes longer than the model itself.
_MIN_OPENVINO_BYTES = 32_000_000

_TITLES = {"onnxruntime": "onnxruntime", "openvino": "OpenVINO"}


@dataclasses.dataclass(frozen=True)
class RuntimeChoice:
    """What hears.

    Attributes:
      runtime: `onnxruntime` or `openvino`.
      precision: `float32`, `int8` or `bfloat16`.
      file: Of the model, relative to its directory.
    """

    runtime: str = "onnxruntime"
    precision: str = "float32"
    file: str = MODEL_FILE

    def __str__(self) -> str:
        return f"{_TITLES[self.runtime]} in {self.precision}"


def choose_runtime(directory: Path, runtime: str = "auto", precision: str = "auto") -> RuntimeChoice:
    """Returns the fastest that is installed and fits, of those that are asked for.

    That is OpenVINO in bfloat16, where it is installed, the processor multiplies bfloat16 and the model is not small;
    else onnxruntime with the int8 file, where the release has one (`open_fastest` passes over one that nobody has
    measured); else onnxruntime in float32.

    Args:
      directory: Of the ONNX version.
      runtime: One of `RUNTIMES`.
      precision: One of `PRECISIONS`.

    Raises:
      UsageError: what is asked for by name is not there, or does not exist in that runtime.
    """
    for option, value, allowed in (("--runtime", runtime, RUNTIMES), ("--precision", precision, PRECISIONS)):
        if value not in allowed:
            raise UsageError(f"{option} must be one of {', '.join(allowed)}, not {value!r}.")
    if runtime == "onnxruntime" and precision == "bfloat16":
        raise UsageError("--precision bfloat16 must be run by OpenVINO, not by onnxruntime; leave --runtime out.")
    if (runtime == "openvino" or precision == "bfloat16") and not _has_openvino():
        option = "--runtime openvino" if runtime == "openvino" else "--precision bfloat16"
        raise UsageError(
            f"{option} needs OpenVINO, which is not installed; run pip install 'wav2vec2-tfx[openvino]', or leave the"
            " option out."
        )
    if precision == "bfloat16" and not has_bfloat16():
        raise UsageError(
            "--precision bfloat16 needs a processor that multiplies bfloat16 (AVX512-BF16 or AMX), and this one does"
            " not; leave --precision out."
        )
    if runtime == "openvino" and precision == "int8":
        raise UsageError("--precision int8 must be run by onnxruntime, not by OpenVINO; leave --runtime out.")
    if precision == "int8" and not (directory / QUANTIZED_FILE).is_file():
        raise UsageError(
            f"--precision int8 needs {QUANTIZED_FILE}, and {directory} holds none; leave --precision out, or release"
            " the model again."
        )
    if precision == "auto":
        is_asked_for = runtime == "openvino"
        is_worth_it = is_asked_for or (runtime == "auto" and _size_bytes(directory / MODEL_FILE) >= _MIN_OPENVINO_BYTES)
        if is_worth_it and has_bfloat16() and _has_openvino():
            return RuntimeChoice("openvino", "bfloat16")
        if runtime != "openvino" and (directory / QUANTIZED_FILE).is_file():
            return RuntimeChoice("onnxruntime", "int8", QUANTIZED_FILE)
        precision = "float32"
    if precision == "bfloat16":
        return RuntimeChoice("openvino", "bfloat16")
    file = QUANTIZED_FILE if precision == "int8" else MODEL_FILE
    return RuntimeChoice("openvino" if runtime == "openvino" else "onnxruntime", precision, file)


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None
