"""The module of TFX's Trainer: unpacks its arguments and has a process of its own do the work.

Under LocalDagRunner TensorFlow has long been initialised when this is called, and then neither devices nor workers nor
a TPU can be set up any more; in a process that begins with the training they can.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

from beam_jobs import places
from components.trainer.request import REQUEST_FILE, TrainingRequest
from model import fresh_process
from model.settings import from_json, to_json
from model.training.settings import TrainingSettings
from model.training.strategy import CLUSTER_VARIABLE, is_chief

# Within this time a training that is asked to stop ends its step and saves its state.
_GRACE_SECONDS = 15.0


def run_fn(fn_args: Any) -> None:
    """Trains the converted checkpoint on the examples, read through the Transform graph.

    Args:
      fn_args: TFX's `FnArgs`. Used are `train_files` and `eval_files` (patterns of TFRecord files), `transform_output`,
        `base_model` (a model directory, from CheckpointConverter), `serving_model_dir`, `model_run_dir`, and of
        `custom_config`: `training_settings`, the JSON of `TrainingSettings`; `vocabulary`, id by token, as Transform
        had it, empty where there are no transcripts; `staging_dir`, where states are saved; `code_fingerprint`.

    Writes, below the model artifact:
      Format-Serving/: the SavedModel.
      model_directory/: the model directory, with `training.json` beside the weights.
    And in `model_run_dir` the events for TensorBoard.

    Raises:
      CheckpointError: the base model is no model directory, has another vocabulary than Transform, or a saved state
        does not fit.
      ConfigurationError: there are no such devices, or TF_CONFIG makes no sense.
      DataError: a split is empty, a shard is missing or damaged, a transcript cannot be spelt, or the loss is no
        number.
      TryAgainError: the training was asked to stop, and saved its state; or a TPU does not answer.
      DiskFullError: there is no room for a state; the last one stays.
    """
    config = fn_args.custom_config
    request = TrainingRequest(
        settings=from_json(TrainingSettings, config["training_settings"]),
        train_files=tuple(fn_args.train_files),
        eval_files=tuple(fn_args.eval_files),
        transform_output=fn_args.transform_output,
        base_model=fn_args.base_model,
        output_dir=posixpath.dirname(fn_args.serving_model_dir.rstrip("/")),
        serving_dir=fn_args.serving_model_dir,
        model_run_dir=fn_args.model_run_dir,
        vocabulary=config["vocabulary"],
        staging_dir=config["staging_dir"],
        code_fingerprint=config["code_fingerprint"],
    )
    if os.environ.get(CLUSTER_VARIABLE):
        _leave_request(request)
    fresh_process.run(
        "components.trainer.process",
        [to_json(request)],
        # TensorFlow reads 64 MB of Cloud Storage for the smallest request, and an utterance has less than one.
        environment={"GCS_READ_CACHE_BLOCK_SIZE_MB": os.environ.get("GCS_READ_CACHE_BLOCK_SIZE_MB", "1")},
        grace_seconds=_GRACE_SECONDS,
    )


def _leave_request(request: TrainingRequest) -> None:
    """Writes what the other workers of the training are asked for, where all of them see it."""
    if not is_chief():
        return
    places.write_bytes(places.join(request.staging_dir, REQUEST_FILE), to_json(request).encode())
