"""The work of CheckpointConverter."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils


class Executor(base_executor.BaseExecutor):
    """Calls `model.checkpoint.convert_checkpoint`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Converts the checkpoint.

        Args:
          input_dict: Empty.
          output_dict:
            - model: one Model; the model directory is written to `Format-Serving/`, where Trainer looks for it.
              Custom properties: `model_digest`, `source_checkpoint` (its name) and `source_sha256`.
          exec_properties:
            - checkpoint: the directory of the checkpoint.
            - checkpoint_fingerprint, code_fingerprint: part of the cache key only.

        Raises:
          CheckpointError: the checkpoint does not become the model that its config.json describes.
        """
        from model.checkpoint import convert_checkpoint
        from model.directory import read_manifest

        del input_dict
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        directory = path_utils.serving_model_dir(artifact.uri)
        report = convert_checkpoint(exec_properties["checkpoint"], os.fspath(directory))
        artifact.set_string_custom_property("model_digest", read_manifest(directory)["model_digest"])
        artifact.set_string_custom_property("source_checkpoint", report["source"]["name"])
        artifact.set_string_custom_property("source_sha256", report["source"]["sha256"])
