"""The work of ReleaseExporter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from model.export.build import build_release
from model.export.settings import ReleaseSettings
from model.export.speech import Speech
from model.settings import from_json

MODEL_DIRECTORY = "model_directory"
# What the model was not trained on, and is not judged by.
_SPEECH_SPLIT = "validation"


class Executor(base_executor.BaseExecutor):
    """Calls `model.export.build`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Exports the model.

        Args:
          input_dict:
            - model: one Model; the model directory lies under `model_directory/`.
            - examples: one Examples, or none; the split `validation` is heard to find what bears int8.
          output_dict:
            - release: one Model; `saved_model/`, `onnx/`, `checkpoint/` and `RELEASE.json`, as `model.export.release`
              draws them. Custom properties: `release_digest`, `model_digest`.
          exec_properties:
            - settings: JSON of `ReleaseSettings`.
            - code_fingerprint: part of the cache key only.

        Raises:
          CheckpointError: the model directory is not whole.
          ReleaseError: an export does not compute what the model computes.
          DataError: an utterance cannot be read.
          DiskFullError: there is no room left.
        """
        model = artifact_utils.get_single_instance(input_dict["model"])
        artifact = artifact_utils.get_single_instance(output_dict["release"])
        settings = from_json(ReleaseSettings, exec_properties["settings"])
        speech = Speech()
        if input_dict.get("examples"):
            examples = artifact_utils.get_single_instance(input_dict["examples"])
            split = Path(artifact_utils.get_split_uri([examples], _SPEECH_SPLIT))
            speech = Speech(records=tuple(sorted(str(path) for path in split.iterdir())))
        release = build_release(Path(model.uri) / MODEL_DIRECTORY, artifact.uri, settings, speech=speech)
        artifact.set_string_custom_property("release_digest", release.release_digest)
        artifact.set_string_custom_property("model_digest", release.model_digest)
