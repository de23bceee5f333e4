"""The process of a training: `python -m components.trainer.process REQUEST`, the JSON of a `TrainingRequest`.

Of several workers one is started by the run, and leaves the file `request.json` in the directory of its states; the
others are started with the name of that file, each with a TF_CONFIG of its own. They write nothing but their log.

SIGTERM lets it end its step, save its state, and end with the code 75; so does the end of the process that started it.
"""

from __future__ import annotations

import argparse
import dataclasses
import errno
import hashlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from beam_jobs import places
from components.staging import Stage, staged
from components.trainer.request import ANEW_VARIABLE, TrainingRequest
from model import fresh_process
from model.errors import CheckpointError, ConfigurationError, DataError, DiskFullError, TryAgainError, UsageError
from model.settings import from_json, to_mapping
from model.storage import json_text
from model.text import UNKNOWN_TOKEN, Vocabulary

_LOG = logging.getLogger(__name__)
_INFO_FILE = "dataset_info.json"
# A training is the same on whatever devices, and however often its state is saved.
_NOT_OF_THE_RESULT = ("strategy", "tpu", "compilation", "checkpoint_every_seconds", "keep_checkpoints")


def main(argv: Sequence[str] | None = None) -> int:
    """Trains; prints one JSON document, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m components.trainer.process", description=__doc__)
    parser.add_argument("request", help="the JSON of a TrainingRequest, or the name of a file with it")
    said = parser.parse_args(argv).request
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    asked: list[int] = []

    def listen() -> None:
        signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))

    listen()
    fresh_process.end_with_parent()

    def work() -> dict[str, Any]:
        request = _read_request(said)
        return _explained(request, lambda: train(request, lambda: bool(asked), listen))

    return fresh_process.report(work)


def train(
    request: TrainingRequest, should_stop: Callable[[], bool] = lambda: False, listen: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Trains, and writes what `run_fn` says; returns the steps, the measures and the digest of the model.

    It must be called before anything of TensorFlow has run in this process.

    Args:
      request: What to do.
      should_stop: Asked after each step whether somebody wants the training to stop.
      listen: Sets the handlers of signals; called once the devices are set up, for several workers take them away.

    Raises:
      W2v2Error: as `run_fn` says.
    """
    with staged() as stage:
        return _train(request, stage, should_stop, listen)


def _train(
    request: TrainingRequest, stage: Stage, should_stop: Callable[[], bool], listen: Callable[[], None]
) -> dict[str, Any]:
    from model.training.strategy import is_chief, open_strategy

    strategy = open_strategy(request.settings)
    listen()
    _LOG.info("Training on %d devices, %s.", strategy.num_replicas_in_sync, type(strategy).__name__)

    import tensorflow as tf

    from model.directory import load_model, save_model
    from model.export.saved_model import export_saved_model
    from model.training.checkpoints import TENSORBOARD, CheckpointStore
    from model.training.loop import Training
    from model.training.regularisation import regularised
    from model.training.strategy import compiles
    from model.training.tasks import CtcTask, PretrainingTask
    from model.wav2vec2 import MODEL_BY_HEAD

    settings = request.settings
    # Of several workers each has copies to read; what is written is written by one.
    base = load_model(stage.input(request.base_model))
    output_dir = stage.output(request.output_dir) if is_chief() else None
    is_ctc = settings.task == "ctc"
    _require_head(base, request)
    config = regularised(base.config, settings)
    data, lengths = _data(request, stage, base, config, strategy)
    identity = {
        "settings": {n: v for n, v in to_mapping(settings).items() if n not in _NOT_OF_THE_RESULT},
        "start": base.digest,
        "training_data": data.reader.index.fingerprint,
        "validation_data": data.validation_reader.index.fingerprint,
        "bucket_lengths": lengths,
        "vocabulary": dict(request.vocabulary),
        "preprocessor": base.preprocessor,
        "code": request.code_fingerprint,
    }
    name = hashlib.sha256(json_text(identity).encode()).hexdigest()[:16]
    store = CheckpointStore(f"{request.staging_dir}/{name}", identity, settings.keep_checkpoints)
    if is_chief():
        store.sweep(anew=bool(os.environ.get(ANEW_VARIABLE)))
    start = base.model.named_weights()
    with strategy.scope():
        model = MODEL_BY_HEAD[base.model.head](config, dtype=settings.precision)
        for path, variable in model.named_weights().items():
            variable.assign(start[path].numpy())
    task = PretrainingTask(settings.feature_penalty)
    if is_ctc:
        # The sparse form on a GPU is cuDNN's, which knows fewer labels than LibriSpeech has.
        dense = compiles(strategy, settings) or bool(tf.config.list_logical_devices("GPU"))
        task = CtcTask(base.vocabulary, settings.loss_per, dense)
    training = Training(model, task, data, settings, strategy, store, is_chief=is_chief(), should_stop=should_stop)
    result = training.run()
    report = {
        "format_version": 2,
        "settings": to_mapping(settings),
        "devices": [strategy.__class__.__name__, strategy.num_replicas_in_sync],
        "bucket_lengths_samples": lengths,
        "training_utterances": len(data.reader.index),
        "left_out": len(data.plan.left_out),
        "validation_left_out": len(data.validation_plan.left_out),
        **dataclasses.asdict(result),
    }
    if output_dir is None:
        return {"steps": result.steps, **result.final}
    # In float32 and on one device, whatever the training ran on; and with the dropouts and masks that the checkpoint
    # came with: those of this training are in training.json, and what follows it may want others.
    written = MODEL_BY_HEAD[base.model.head](base.config)
    values = training.weights()
    for path, variable in written.named_weights().items():
        variable.assign(values[path])
    model_dir = output_dir / "model_directory"
    manifest = save_model(
        written,
        base.tokens,
        base.preprocessor,
        model_dir,
        source_checkpoint=base.manifest["source_checkpoint"],
        extra_files={"training.json": report},
    )
    export_saved_model(load_model(model_dir), output_dir / places.name_of(request.serving_dir))
    _copy_files(f"{store.directory}/{TENSORBOARD}", request.model_run_dir)
    return {"steps": result.steps, "model_digest": manifest["model_digest"], **result.final}


def _read_request(said: str) -> TrainingRequest:
    if said.lstrip().startswith("{"):
        return from_json(TrainingRequest, said)
    try:
        return from_json(TrainingRequest, places.read_bytes(said).decode())
    except OSError as error:
        raise UsageError(
            f"The request of a training must be JSON, or a file with it; {said} cannot be read"
            f" ({error.strerror or error}); start the run first, whose worker writes it."
        ) from error


def _explained(request: TrainingRequest, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Does the work; what TensorFlow raises for want of memory, room or answers becomes an error of ours."""
    import tensorflow as tf

    settings = request.settings
    errors = tf.errors
    try:
        return work()
    except (errors.OpError, MemoryError) as error:
        said = " ".join(str(error).split())[:200]
        if os.strerror(errno.ENOSPC).lower() in said.lower():
            raise DiskFullError(
                f"The file system is full: {said}; free some space and run again; it goes on from its last state."
            ) from error
        if isinstance(error, errors.ResourceExhaustedError | MemoryError):
            raise ConfigurationError(
                f"A batch of train.batch_samples, {settings.batch_samples}, must fit into the memory of the devices,"
                f" and does not ({said}); halve it, and double train.accumulate_batches."
            ) from error
        if isinstance(error, errors.PermissionDeniedError):
            is_remote = "gs://" in said or "googleapis" in said
            mend = "give the account the role Storage Object User on the bucket" if is_remote else "give the right"
            raise DataError(
                f"Whoever trains must be allowed to use what the training reads and writes, and is not ({said});"
                f" {mend}."
            ) from error
        lost = isinstance(error, errors.UnavailableError | errors.AbortedError | errors.DeadlineExceededError)
        if lost or "collective" in said.lower():
            raise TryAgainError(
                f"All devices of the training must answer, and one does not any more ({said}); start it again, on all"
                " workers: it goes on from its last state."
            ) from error
        raise


def _copy_files(source: str, destination: str) -> None:
    """Copies the files of a directory, local or remote both."""
    import tensorflow as tf

    tf.io.gfile.makedirs(destination)
    for name in tf.io.gfile.listdir(source) if tf.io.gfile.isdir(source) else ():
        tf.io.gfile.copy(f"{source}/{name}", f"{destination}/{name}", overwrite=True)


def _require_head(base: Any, request: TrainingRequest) -> None:
    wanted = request.settings.task
    if base.model.head != wanted:
        raise CheckpointError(
            f"A training with the task {wanted!r} must start from a model with the head {wanted!r}, and this one has"
            f" {base.model.head!r}; choose another checkpoint, or set train.task."
        )
    if wanted == "ctc" and base.vocabulary.to_mapping() != dict(request.vocabulary):
        raise CheckpointError(
            "Transform must make its labels with the vocabulary of the base model, and had another one; run again with"
            " --no-cache."
        )


def _data(request: TrainingRequest, stage: Stage, base: Any, config: Any, strategy: Any) -> tuple[Any, list[int]]:
    """Returns what the training reads, and the padded lengths of its buckets."""
    from components.trainer.transform_graph import TransformGraph
    from model.training.batches import BatchReader
    from model.training.loop import TrainingData
    from model.training.plan import BatchPlan, bucket_lengths
    from model.training.strategy import compiles, share_of
    from model.training.tasks import CtcTask, PretrainingTask

    settings = request.settings
    index = _index(request.train_files, "training")
    validation_index = _index(request.eval_files, "validation")
    graph = TransformGraph(str(stage.input(request.transform_output)))
    learned = graph.learned(index.read(0))
    step = config.samples_per_frame
    lengths = bucket_lengths(learned.length_quantiles, step, settings.max_samples, settings.num_buckets)
    plan = BatchPlan(
        index.num_samples,
        lengths,
        settings.batch_samples,
        settings.seed,
        config.min_samples,
        settings.max_samples,
        settings.rows_multiple,
    )
    if len(plan.left_out) == len(index):
        raise DataError(
            f"The training split must hold an utterance of {config.min_samples} to {settings.max_samples} samples"
            f" (train.max_samples); none of its {len(index)} is."
        )
    if len(plan.left_out):
        _LOG.warning("%d utterances do not fit and are not trained on (train.max_samples).", len(plan.left_out))
    task = CtcTask if settings.task == "ctc" else PretrainingTask
    foreign: tuple[int, ...] = ()
    if base.tokens is not None:
        foreign = _foreign_labels(base.tokens)
    reader = BatchReader(
        index=index,
        parse=graph.parse,
        config=config,
        share=share_of(strategy),
        draws=task.draws_in_training,
        static_shapes=compiles(strategy, settings) or strategy.num_replicas_in_sync > 1,
        max_labels=learned.max_labels,
        foreign_labels=foreign,
        vocab_size=config.vocab_size if settings.task == "ctc" else None,
        do_normalise=bool(base.preprocessor.get("do_normalize", True)),
        seed=settings.seed,
    )
    # Validation leaves nothing out but what is shorter than a frame: the last of its buckets is as long as its longest
    # utterance. Which shard an utterance lies in is drawn by its id, so the first ones are as good as any.
    measured = validation_index.num_samples[: settings.validation_utterances]
    longest = -(-int(measured.max()) // step) * step
    validation_lengths = lengths if longest <= lengths[-1] else [*lengths[:-1], longest]
    validation_reader = dataclasses.replace(
        reader, index=validation_index, draws=task.draws_in_validation, max_labels=None
    )
    validation_plan = BatchPlan(measured, validation_lengths, settings.batch_samples, None, config.min_samples)
    if len(validation_plan.left_out):
        _LOG.warning("%d utterances of validation are shorter than a frame.", len(validation_plan.left_out))
    return TrainingData(reader, plan, validation_reader, validation_plan), lengths


def _foreign_labels(vocabulary: Vocabulary) -> tuple[int, ...]:
    unknown = vocabulary.to_mapping().get(UNKNOWN_TOKEN)
    return (vocabulary.blank_id,) if unknown is None else (vocabulary.blank_id, unknown)


def _index(patterns: Sequence[str], split: str) -> Any:
    """Returns where the records of a split are, and holds their number against what ingest promised."""
    import tensorflow as tf

    from model.record_index import read_index

    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        raise DataError(f"The {split} split must have files of examples; {', '.join(patterns)} matches none.")
    index = read_index(files, split)
    root, _, directory = files[0].rpartition("/")[0].rpartition("/")
    info = f"{root}/{_INFO_FILE}"
    if tf.io.gfile.exists(info):
        with tf.io.gfile.GFile(info) as stream:
            counts = json.loads(stream.read()).get("splits", {})
        promised = counts.get(directory.removeprefix("Split-"), {}).get("utterances")
        if promised is not None and promised != len(index):
            raise DataError(
                f"The {split} split must hold the {promised} utterances that {info} counts, and its {len(files)} files"
                f" hold {len(index)}: a shard is missing or has been changed; run again with --from"
                " LibriSpeechExampleGen --no-cache."
            )
    return index


if __name__ == "__main__":
    raise SystemExit(main())
