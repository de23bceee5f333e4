"""The work of CheckpointConverter."""

from __future__ import annotations

import json
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
              Custom properties: `model_digest`, `head`, `source_checkpoint` (its name), `source_revision` (the commit,
              of one from the Hub), `source_sha256`, and `conversion_report`, the report as JSON.
          exec_properties:
            - checkpoint: the directory or file of the checkpoint, or its address on the Hub.
            - language: the language of an MMS model; empty for that of the checkpoint itself.
            - activations: the file of reference activations; empty for none.
            - checkpoint_fingerprint, code_fingerprint: part of the cache key only.

        Raises:
          CheckpointError: the checkpoint does not become the model that it describes, or the model does not give the
            reference activations.
          TryAgainError: the Hub does not answer.
        """
        from model.checkpoint import convert_checkpoint
        from model.directory import read_manifest

        del input_dict
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        directory = path_utils.serving_model_dir(artifact.uri)
        report = convert_checkpoint(
            exec_properties["checkpoint"],
            os.fspath(directory),
            language=exec_properties["language"] or None,
            activations=exec_properties["activations"] or None,
        )
        properties = {
            "model_digest": read_manifest(directory)["model_digest"],
            "head": report["head"],
            "source_checkpoint": report["source"]["name"],
            "source_revision": report["source"]["revision"] or "",
            "source_sha256": report["source"]["sha256"],
            "conversion_report": json.dumps(report, separators=(",", ":"), ensure_ascii=False),
        }
        for name, value in properties.items():
            artifact.set_string_custom_property(name, value)
