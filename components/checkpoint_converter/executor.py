"""The work of CheckpointConverter."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.checkpoint_converter.settings import RANDOM, TINY
from components.staging import staged


class Executor(base_executor.BaseExecutor):
    """Calls `model.checkpoint.convert_checkpoint`, or `make_random_model`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Converts the checkpoint, or makes a model with random weights.

        Args:
          input_dict: Empty.
          output_dict:
            - model: one Model; the model directory is written to `Format-Serving/`, where Trainer looks for it.
              Custom properties: `model_digest`, `head`, `source_checkpoint` (its name), `source_revision` (the commit,
              of one from the Hub), `source_sha256`, and `conversion_report`, the report as JSON.
          exec_properties:
            - checkpoint: the directory or file of the checkpoint, or its address on the Hub; or `tiny` for the one that
              comes with this code; or `random`.
            - architecture: that of random weights; empty for a checkpoint.
            - head: what the model must have on its backbone: `ctc` or `pretraining`.
            - vocabulary: JSON of id by token, of a new CTC head; `{}` in pre-training.
            - seed: of random weights, and of a new head.
            - new_head: 1 where a CTC head that is there gives way to a new one, else 0.
            - language: the language of an MMS model; empty for that of the checkpoint itself.
            - activations: the file of reference activations; empty for none.
            - checkpoint_fingerprint, code_fingerprint: part of the cache key only.

        Raises:
          CheckpointError: the checkpoint does not become the model that it describes, its head serves for something
            else, or the model does not give the reference activations.
          TryAgainError: the Hub or Cloud Storage does not answer.
        """
        from model.architectures import find_architecture
        from model.checkpoint import convert_checkpoint, make_random_model
        from model.directory import read_manifest
        from model.pretrained import TINY as TINY_CHECKPOINT
        from model.text import Vocabulary

        del input_dict
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        head, seed = exec_properties["head"], exec_properties["seed"]
        id_by_token = json.loads(exec_properties["vocabulary"])
        vocabulary = Vocabulary.from_mapping(id_by_token) if id_by_token else None
        with staged() as stage:
            directory = path_utils.serving_model_dir(os.fspath(stage.output(artifact.uri)))
            if exec_properties["checkpoint"] == RANDOM:
                config = find_architecture(exec_properties["architecture"])
                report = make_random_model(config, head, vocabulary, directory, seed)
            else:
                named = exec_properties["checkpoint"]
                report = convert_checkpoint(
                    TINY_CHECKPOINT if named == TINY else named,
                    directory,
                    language=exec_properties["language"] or None,
                    activations=exec_properties["activations"] or None,
                    head=head,
                    vocabulary=vocabulary,
                    seed=seed,
                    new_head=bool(exec_properties["new_head"]),
                )
            model_digest = read_manifest(directory)["model_digest"]
        properties = {
            "model_digest": model_digest,
            "head": report["head"],
            "source_checkpoint": report["source"]["name"],
            "source_revision": report["source"]["revision"] or "",
            "source_sha256": report["source"]["sha256"],
            "conversion_report": json.dumps(report, separators=(",", ":"), ensure_ascii=False),
        }
        for name, value in properties.items():
            artifact.set_string_custom_property(name, value)
