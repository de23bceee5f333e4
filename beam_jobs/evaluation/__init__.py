"""What a released model makes of a test set, in every way in which it is run."""

from beam_jobs.evaluation.heard import (
    ALONE,
    BATCHED,
    BEAM_SEARCH,
    CONSTANT,
    LEAST_PADDING_SAMPLES,
    ONNX,
    ONNX_INT8,
    PUBLISHED_PADDING_SAMPLES,
    HeardBy,
    HeardUtterance,
    Sound,
    Way,
)

__all__ = [
    "ALONE",
    "BATCHED",
    "BEAM_SEARCH",
    "CONSTANT",
    "LEAST_PADDING_SAMPLES",
    "ONNX",
    "ONNX_INT8",
    "PUBLISHED_PADDING_SAMPLES",
    "HeardBy",
    "HeardUtterance",
    "Sound",
    "Way",
]
