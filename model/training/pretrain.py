"""Pre-training on records in this process: for programs and notebooks, where no pipeline is.

The pipeline trains in a process of its own (`components.trainer.process`), goes on where it was stopped, and reads what
Transform has learned of the data. Here the lengths are counted, and nothing is saved on the way.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from model.directory import load_model, save_model
from model.errors import CheckpointError, DataError
from model.record_index import read_index
from model.training.batches import BatchReader
from model.training.loop import Training, TrainingData, TrainingResult
from model.training.plan import BatchPlan, bucket_lengths, length_quantiles
from model.training.regularisation import regularised
from model.training.settings import TrainingSettings
from model.training.tasks import PretrainingTask
from model.wav2vec2 import MODEL_BY_HEAD

_LOG = logging.getLogger(__name__)
_HEAD = "pretraining"


def pretrain(
    base_dir: str | Path,
    train_files: Sequence[str],
    validation_files: Sequence[str],
    settings: TrainingSettings,
    output_dir: str | Path,
) -> TrainingResult:
    """Trains a model on sound alone, and writes it.

    Args:
      base_dir: The model directory to start from, with the heads of pre-training: converted, or random.
      train_files: TFRecord files of utterances, as ingest writes them; transcripts are not looked at.
      validation_files: Of what is measured.
      settings: What to do; its task is `pretraining`.
      output_dir: The model directory that is written, whole or not at all.

    Raises:
      CheckpointError: the model has another head.
      DataError: a file is damaged, no utterance is long enough, or the loss is no number or has diverged.
    """
    base = load_model(base_dir)
    if base.model.head != _HEAD or settings.task != _HEAD:
        raise CheckpointError(
            f"Pre-training must start from a model with the head {_HEAD!r}, with settings of the task {_HEAD!r}, and"
            f" these are {base.model.head!r} and {settings.task!r}; choose another checkpoint, or set the task."
        )
    config = regularised(base.config, settings)
    train = read_index(list(train_files), "training")
    validation = read_index(list(validation_files), "validation")
    reader = BatchReader(
        train,
        _parse,
        config,
        draws="pretraining",
        do_normalise=bool(base.preprocessor.get("do_normalize", True)),
        seed=settings.seed,
    )
    plan = _plan(train.num_samples, config, settings, settings.seed, settings.max_samples)
    if not plan.batches_per_epoch:
        raise DataError(
            f"The training split must hold an utterance of {config.min_samples} to {settings.max_samples} samples; none"
            f" of its {len(train)} is; take other recordings, or raise train.max_samples."
        )
    if len(plan.left_out):
        _LOG.warning("%d of %d utterances do not fit and are not trained on.", len(plan.left_out), len(train))
    # What is measured is left out only where it is shorter than a frame.
    measured = validation.num_samples[: settings.validation_utterances]
    validation_plan = _plan(measured, config, settings, None, int(measured.max()))
    data = TrainingData(reader, plan, dataclasses.replace(reader, index=validation), validation_plan)
    start = base.model.named_weights()
    model = MODEL_BY_HEAD[_HEAD](config, dtype=settings.precision)
    for name, variable in model.named_weights().items():
        variable.assign(start[name])
    training = Training(model, PretrainingTask(settings.feature_penalty), data, settings)
    result = training.run()
    # With the dropouts and masks that the model came with, and in float32, whatever the training had.
    written, values = base.model, training.weights()
    for name, variable in written.named_weights().items():
        variable.assign(values[name])
    source = base.manifest["source_checkpoint"]
    save_model(written, base.tokens, base.preprocessor, output_dir, source_checkpoint=source)
    return result


def _plan(
    num_samples: np.ndarray[Any, Any], config: Any, settings: TrainingSettings, seed: int | None, max_samples: int
) -> BatchPlan:
    # Lengths are whole frames, the last one not shorter than what it is for.
    longest = -(-max_samples // config.samples_per_frame) * config.samples_per_frame
    lengths = bucket_lengths(length_quantiles(num_samples), config.samples_per_frame, longest, settings.num_buckets)
    return BatchPlan(
        num_samples, lengths, settings.batch_samples, seed, config.min_samples, max_samples, settings.rows_multiple
    )


def _parse(records: tf.Tensor) -> dict[str, Any]:
    one = tf.io.FixedLenFeature([], tf.string)
    return tf.io.parse_example(records, {"audio": one, "utterance_id": one})
