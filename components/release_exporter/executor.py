"""The work of ReleaseExporter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from beam_jobs import places
from components.staging import Stage, staged
from model.config import Wav2Vec2Config
from model.errors import DataError
from model.examples import read_utterances
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
          TryAgainError: Cloud Storage does not answer.
        """
        model = artifact_utils.get_single_instance(input_dict["model"])
        artifact = artifact_utils.get_single_instance(output_dict["release"])
        settings = from_json(ReleaseSettings, exec_properties["settings"])
        with staged() as stage:
            output = stage.output(artifact.uri)
            model_directory = stage.input(model.uri, MODEL_DIRECTORY) / MODEL_DIRECTORY
            speech = Speech()
            if input_dict.get("examples"):
                examples = artifact_utils.get_single_instance(input_dict["examples"])
                split = artifact_utils.get_split_uri([examples], _SPEECH_SPLIT)
                speech = _speech(stage, split, model_directory, settings.int8_utterances)
            release = build_release(model_directory, output, settings, speech=speech)
        artifact.set_string_custom_property("release_digest", release.release_digest)
        artifact.set_string_custom_property("model_digest", release.model_digest)


def _speech(stage: Stage, split: str, model_directory: Path, utterances: int) -> Speech:
    """Returns the shards of a split from which `Speech` takes so many utterances; of others none is copied."""
    if not places.is_directory(split):
        raise DataError(f"The examples must have the split {_SPEECH_SPLIT}, and {split} is not there; ingest again.")
    names = places.list_names(split)
    if not places.is_remote(split):
        return Speech(records=tuple(places.join(split, name) for name in names))
    records: list[str] = []
    found = 0
    for name in names:
        if found >= utterances:
            break
        records.append(str(stage.input(split, name) / name))
        found += _count_heard(records[-1], model_directory)
    return Speech(records=tuple(records))


def _count_heard(shard: str, model_directory: Path) -> int:
    """Returns how many utterances of a shard are long enough for the model to give a frame."""
    shortest = Wav2Vec2Config.from_file(model_directory / "config.json").min_samples
    return sum(len(utterance.samples) >= shortest for utterance in read_utterances([shard]))
