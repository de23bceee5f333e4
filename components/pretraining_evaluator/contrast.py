"""The contrastive task on a set of utterances; masks and negatives depend on the seed and on each utterance alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from components.pretraining_evaluator.settings import PretrainingEvaluationSettings
from model import progress
from model.audio import normalise, to_float
from model.examples import Utterance


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """What a model made of the contrastive task.

    Attributes:
      losses: float64 `[utterances]`, nats, summed over the masked frames of each.
      correct: int64 `[utterances]`, masked frames that were told from all others.
      masked: int64 `[utterances]`, masked frames.
      code_counts: float64 `[groups, codes]`, masked frames that each code was chosen for.
    """

    losses: np.ndarray[Any, Any]
    correct: np.ndarray[Any, Any]
    masked: np.ndarray[Any, Any]
    code_counts: np.ndarray[Any, Any]

    @property
    def loss(self) -> float:
        """For each masked frame, in nats; NaN where none is masked."""
        return float(self.losses.sum() / self.masked.sum()) if self.masked.sum() else float("nan")

    @property
    def accuracy(self) -> float:
        """Share of the masked frames; NaN where none is masked."""
        return float(self.correct.sum() / self.masked.sum()) if self.masked.sum() else float("nan")

    @property
    def perplexities(self) -> list[float]:
        """The effective number of codes in use, of each group: the exponential of the entropy; NaN where none is."""
        found = []
        for counts in self.code_counts:
            if not counts.sum():
                found.append(float("nan"))
                continue
            shares = counts[counts > 0] / counts.sum()
            found.append(float(np.exp(-(shares * np.log(shares)).sum())))
        return found


def contrast(
    loaded: Any, utterances: Sequence[Utterance], settings: PretrainingEvaluationSettings, stage: str
) -> Contrast:
    """Runs the contrastive task, batched by length, without dropout, each code chosen by its best score.

    Args:
      loaded: A `LoadedModel` with the heads of pre-training.
      utterances: In any order.
      settings: How much is masked, and the seed.
      stage: What the progress is called.

    Returns:
      The results in the order of the utterances.
    """
    import tensorflow as tf

    step = _step(loaded, settings)
    does_normalise = bool(loaded.preprocessor.get("do_normalize", True))
    config = loaded.config
    # Two frames at least: there must be another one to draw negatives from.
    shortest = config.min_samples + config.samples_per_frame
    losses = np.zeros(len(utterances))
    correct, masked = (np.zeros(len(utterances), np.int64) for _ in range(2))
    code_counts = np.zeros((config.num_codevector_groups, config.num_codevectors_per_group))
    done = 0
    for batch in _batches(utterances, settings.batch_samples):
        waveforms, lengths = _padded([utterances[index] for index in batch], shortest, does_normalise)
        names = [utterances[index].utterance_id for index in batch]
        outputs = step(
            tf.constant(waveforms),
            tf.constant(lengths),
            tf.constant(_seeds("mask", settings.seed, names)),
            tf.constant(_seeds("negatives", settings.seed, names)),
        )
        losses[batch], correct[batch], masked[batch], counts = (value.numpy() for value in outputs)
        code_counts += counts
        done += len(batch)
        progress.report(done, len(utterances), "utterances", stage)
    return Contrast(losses, correct, masked, code_counts)


def _step(loaded: Any, settings: PretrainingEvaluationSettings) -> Any:
    """Returns the function of a batch; its shapes are open, so that it is traced once."""
    import tensorflow as tf

    from model.training.contrastive import contrastive_loss
    from model.training.masks import span_masks
    from model.training.negatives import sample_negatives

    model, config = loaded.model, loaded.config
    seeds = tf.TensorSpec([None, 2], tf.int32)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None], tf.int32), seeds, seeds]
    )
    def step(waveforms: Any, num_samples: Any, mask_seeds: Any, negative_seeds: Any) -> Any:
        frames = config.num_frames(tf.shape(waveforms)[1])
        mask = span_masks(
            mask_seeds,
            tf.maximum(config.num_frames(num_samples), 0),
            frames,
            settings.mask_time_prob,
            settings.mask_time_length,
            settings.mask_time_min_masks,
        )
        negatives = sample_negatives(negative_seeds, mask, settings.num_negatives)
        output = model(waveforms, num_samples, training=False, time_mask=mask)

        def of_row(row: Any) -> Any:
            # The sum over one utterance, for intervals and comparisons.
            states, quantized, codes, of_mask, of_negatives = (part[tf.newaxis] for part in row)
            temperature = config.contrastive_logits_temperature
            return contrastive_loss(states, quantized, codes, of_mask, of_negatives, temperature)

        of_states = (output.projected_states, output.projected_quantized_states, output.code_ids)
        losses, correct = tf.map_fn(of_row, (*of_states, mask, negatives), fn_output_signature=(tf.float32, tf.float32))
        return losses, correct, tf.reduce_sum(tf.cast(mask, tf.int32), axis=1), output.marginal_sum

    return step


def _padded(
    utterances: Sequence[Utterance], min_samples: int, does_normalise: bool
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    lengths = np.array([len(utterance.samples) for utterance in utterances], np.int32)
    waveforms = np.zeros((len(utterances), max(int(lengths.max()), min_samples)), np.float32)
    for row, utterance in enumerate(utterances):
        waveform = to_float(utterance.samples)
        waveforms[row, : lengths[row]] = normalise(waveform) if does_normalise else waveform
    return waveforms, lengths


def _seeds(kind: str, seed: int, names: Sequence[str]) -> np.ndarray[Any, Any]:
    """Returns int32 `[utterances, 2]`: a hash of what they are for, the seed and each utterance's id."""
    digests = [hashlib.sha256(f"{kind}\0{seed}\0{name}".encode()).digest()[:8] for name in names]
    return np.frombuffer(b"".join(digests), "<i4").reshape(-1, 2).astype(np.int32)


def _batches(utterances: Sequence[Utterance], batch_samples: int) -> Iterator[list[int]]:
    """Yields indices of utterances of about the same length, longest first."""
    order = sorted(range(len(utterances)), key=lambda index: (-len(utterances[index].samples), index))
    batch: list[int] = []
    for index in order:
        longest = len(utterances[batch[0]].samples) if batch else len(utterances[index].samples)
        if batch and longest * (len(batch) + 1) > batch_samples:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
