"""The module of TFX's Trainer: unpacks its arguments, calls the training loop of `model.training`, packs the result."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.errors import CheckpointError, DataError
from model.settings import from_json
from model.training.settings import TrainingSettings

_LOG = logging.getLogger(__name__)


def run_fn(fn_args: Any) -> None:
    """Fine-tunes the converted checkpoint on the examples, read through the Transform graph.

    Args:
      fn_args: TFX's `FnArgs`. Used are `train_files` and `eval_files` (patterns of TFRecord files), `transform_output`,
        `base_model` (a model directory, from CheckpointConverter), `serving_model_dir`, and of `custom_config`:
        `training_settings`, the JSON of `TrainingSettings`, and `vocabulary`, id by token, as Transform had it.

    Writes, below the model artifact:
      Format-Serving/: the SavedModel.
      model_directory/: the model directory, with `training.json` beside the weights.

    Raises:
      CheckpointError: the base model is no model directory, or has another vocabulary than Transform.
      DataError: a split is empty, or the loss is no longer a number.
    """
    from model.directory import load_model, save_model
    from model.export.saved_model import export_saved_model

    settings = from_json(TrainingSettings, fn_args.custom_config["training_settings"])
    base = load_model(fn_args.base_model)
    if base.vocabulary.to_mapping() != fn_args.custom_config["vocabulary"]:
        raise CheckpointError(
            "Transform must make its labels with the vocabulary of the base model, and had another one; run again with"
            " --no-cache."
        )
    model, report = fine_tune(base, fn_args.train_files, fn_args.eval_files, fn_args.transform_output, settings)
    serving_dir = Path(fn_args.serving_model_dir)
    model_dir = serving_dir.parent / "model_directory"
    save_model(
        model,
        base.vocabulary,
        base.preprocessor,
        model_dir,
        source_checkpoint=base.manifest["source_checkpoint"],
        extra_files={"training.json": report},
    )
    export_saved_model(load_model(model_dir), serving_dir)


def fine_tune(
    base: Any,
    train_files: Sequence[str],
    eval_files: Sequence[str],
    transform_output: str,
    settings: TrainingSettings,
) -> tuple[Any, dict[str, Any]]:
    """Trains a model that starts from `base`, a `LoadedModel`.

    Returns:
      The trained `Wav2Vec2CTC`, and the report of its training as plain JSON values.

    Raises:
      DataError: a split is empty, or the loss is no longer a number.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    from components.trainer.utterances import bucket_quantiles, utterances
    from model.settings import to_mapping
    from model.training.batches import batched, bucket_lengths, training_batches
    from model.training.loop import train

    transform = tft.TFTransformOutput(transform_output)
    train_paths, eval_paths = _files(train_files, "training"), _files(eval_files, "validation")
    model = _regularised(base, settings)
    lengths = bucket_lengths(
        bucket_quantiles(train_paths, transform), model.config.samples_per_frame, settings.max_samples
    )
    min_samples = model.config.min_samples
    fitting = [bool(_fits(u, min_samples, settings.max_samples)) for u in utterances(train_paths, transform)]
    if not any(fitting):
        raise DataError(
            f"The training split must hold an utterance of {min_samples} to {settings.max_samples} samples"
            f" (train.max_samples); none of its {len(fitting)} is."
        )
    left_out = fitting.count(False)
    if left_out:
        _LOG.warning("%d utterances do not fit into %d samples and are not trained on.", left_out, settings.max_samples)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        files = tf.random.experimental.stateless_shuffle(
            tf.constant(train_paths), seed=tf.stack([tf.constant(settings.seed, tf.int64), tf.cast(number, tf.int64)])
        )
        return utterances(files, transform).filter(lambda u: _fits(u, min_samples, settings.max_samples))

    # Validation leaves nothing out: what is longer than the longest bucket gets a bucket of its own.
    held_out = utterances(eval_paths, transform).take(settings.validation_utterances)
    longest = max([lengths[-1], *(int(tf.shape(utterance["pcm"])[0]) for utterance in held_out)])
    eval_lengths = sorted({*lengths, longest})
    result = train(
        model,
        base.vocabulary,
        training_batches(epoch, lengths, settings.batch_samples, settings.seed),
        lambda: batched(held_out, eval_lengths, settings.batch_samples),
        settings,
    )
    report = {
        "format_version": 1,
        "settings": to_mapping(settings),
        "bucket_lengths_samples": lengths,
        "too_long_for_training": left_out,
        **dataclasses.asdict(result),
    }
    return model, report


def _regularised(base: Any, settings: TrainingSettings) -> Any:
    """Returns the base model with the dropouts and masks that the settings ask for in place of the checkpoint's."""
    from model.wav2vec2 import Wav2Vec2CTC

    changes: dict[str, Any] = {
        name: getattr(settings, name)
        for name in ("mask_time_prob", "mask_feature_prob", "layerdrop")
        if getattr(settings, name) is not None
    }
    if settings.dropout is not None:
        for name in ("hidden", "activation", "attention", "feat_proj", "final"):
            changes[f"{name}_dropout"] = settings.dropout
    if not changes:
        return base.model
    model = Wav2Vec2CTC(dataclasses.replace(base.config, **changes))
    values = base.model.named_weights()
    for name, variable in model.named_weights().items():
        variable.assign(values[name])
    return model


def _fits(utterance: Mapping[str, Any], min_samples: int, max_samples: int) -> Any:
    import tensorflow as tf

    length = tf.shape(utterance["pcm"])[0]
    return (length >= min_samples) & (length <= max_samples)


def _files(patterns: Sequence[str], split: str) -> list[str]:
    import tensorflow as tf

    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        raise DataError(f"The {split} split must have files of examples; {', '.join(patterns)} matches none.")
    return files
