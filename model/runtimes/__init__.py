"""The programs that run an ONNX file: onnxruntime, which is always there, and OpenVINO, which is an extra."""

from model.runtimes.choice import PRECISIONS, RUNTIMES, Precision, Runtime, RuntimeChoice, choose_runtime
from model.runtimes.opening import Scorer, open_fastest, open_model

__all__ = [
    "PRECISIONS",
    "RUNTIMES",
    "Precision",
    "Runtime",
    "RuntimeChoice",
    "Scorer",
    "choose_runtime",
    "open_fastest",
    "open_model",
]
