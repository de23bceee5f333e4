"""An ONNX file in onnxruntime."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ReleaseError
from model.runtimes.signature import INPUT, check_signature

_ONLY_ERRORS = 3
_SAME_AS_REQUESTED = 1
_DEFAULT = -1


class OnnxruntimeModel:
    """A model in onnxruntime, on the processor.

    Args:
      path: Of the ONNX file.
      output: The name of what it gives.
      num_threads: None lets onnxruntime choose.

    Attributes:
      width: The size of what it gives for a frame.
      metadata: What the file says of itself.

    Raises:
      ReleaseError: the file is no whole ONNX model, or has another input or output.
    """

    def __init__(self, path: Path, output: str, num_threads: int | None = None) -> None:
        # Newer versions than that of the lock tell their makers what is opened, unless they are told not to.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as states

        onnxruntime.disable_telemetry_events()
        onnxruntime.set_default_logger_severity(_ONLY_ERRORS)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ONLY_ERRORS
        # A plan of memory is kept for every length that was ever heard, and takes half as much again.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.use_env_allocators", "1")
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        _share_sparing_memory()
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except (
            states.Fail,
            states.InvalidArgument,
            states.InvalidGraph,
            states.InvalidProtobuf,
            states.NoSuchFile,
            states.NotImplemented,
            states.RuntimeException,
        ) as error:
            reason = " ".join(str(error).split())
            raise ReleaseError(f"{path} must be a whole ONNX model: {reason}; copy it again.") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_signature(path, [value.name for value in inputs], [value.name for value in outputs], output)
        self._output = output
        self.width = outputs[0].shape[-1]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        # What one length needed would stay beside what the next, longer one needs.
        self._run_options = onnxruntime.RunOptions()
        self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, input_values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns float32 `[batch, frames, width]` of float32 `[batch, samples]`, normalised and of equal length."""
        return self._session.run([self._output], {INPUT: input_values}, self._run_options)[0]


@functools.cache
def _share_sparing_memory() -> None:
    """Lets this process's models take as much memory as they need; alone, a session takes the next power of two."""
    import onnxruntime

    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    settings = {
        "max_mem": 0,
        "arena_extend_strategy": _SAME_AS_REQUESTED,
        "initial_chunk_size_bytes": _DEFAULT,
        "max_dead_bytes_per_chunk": _DEFAULT,
    }
    onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(settings))
