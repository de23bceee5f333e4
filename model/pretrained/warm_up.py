"""Makes the small checkpoint that comes with the project: supervised training on synthetic speech, from random weights.

    python -m beam_jobs.synthetic_corpus --text broad --minutes 150 --train-speakers 76 --dev-speakers 6 \
        --test-speakers 0 --output CORPUS
    python -m model.pretrained.warm_up --corpus CORPUS --output model/pretrained/wav2vec2-tiny-synthetic

The broad corpus shares no speaker and no test sentence with the default one. What the result can and cannot do stands
in the README.md that is written beside it, with the figures measured at the end of this very training.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.architectures import TINY
from model.checkpoint.publish import write_published
from model.checkpoint.source import DEFAULT_PREPROCESSOR
from model.text import Vocabulary, librispeech_vocabulary
from model.training.settings import TrainingSettings

_README = """---
license: apache-2.0
language: en
pipeline_tag: automatic-speech-recognition
---
# wav2vec2-tiny-synthetic

A Wav2Vec2 CTC model of {parameters:,} parameters, in the published PyTorch layout. It exists so that the pipeline can
be tried without a download, and it is no speech recogniser for people's voices.

- Made by `python -m model.pretrained.warm_up` (seed {seed}): supervised training from random weights, {steps:,} steps,
  {minutes:.0f} minutes on 2 CPU cores. There was no self-supervised pre-training.
- Data: {utterances:,} utterances ({hours:.1f} h) spoken by espeak-ng, random sequences of common English words, made by
  `python -m beam_jobs.synthetic_corpus --text broad`; none of its speakers and sentences is in the default corpus.
- On {validation_utterances} utterances of such sequences by synthetic speakers that it was not trained on: WER
  {wer:.1f} % (greedy).
- On recordings of people it is close to useless; a published checkpoint is what real speech needs.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Trains and writes the checkpoint; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m model.pretrained.warm_up", description="Makes the small checkpoint that comes with the project."
    )
    parser.add_argument("--corpus", type=Path, required=True, help="a corpus in LibriSpeech's layout")
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint's directory")
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--peak-learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-samples", type=int, default=800_000)
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = TrainingSettings(
        steps=arguments.steps,
        batch_samples=arguments.batch_samples,
        peak_learning_rate=arguments.peak_learning_rate,
        freeze_feature_encoder=False,
        evaluate_every_steps=250,
        validation_utterances=400,
        seed=arguments.seed,
    )
    warm_up(arguments.corpus, arguments.output, settings)
    return 0


def warm_up(corpus: Path, output: Path, settings: TrainingSettings) -> None:
    """Trains the tiny architecture on a corpus's `train-*` subsets, measures on `dev-*`, and writes the checkpoint."""
    import keras
    import tensorflow as tf

    from model.training.batches import batched, bucket_lengths, training_batches
    from model.training.loop import train
    from model.wav2vec2 import Wav2Vec2CTC

    vocabulary = librispeech_vocabulary()
    training = list(_utterances(corpus, "train", vocabulary))
    held_out = list(_utterances(corpus, "dev", vocabulary))[: settings.validation_utterances]
    lengths = bucket_lengths(
        [int(value) for value in np.quantile([len(u["pcm"]) for u in training + held_out], np.arange(1, 9) / 8)],
        TINY.samples_per_frame,
        settings.max_samples,
    )
    signature = {"pcm": tf.TensorSpec([None], tf.int16), "labels": tf.TensorSpec([None], tf.int32)}

    def dataset(utterances: list[dict[str, Any]]) -> tf.data.Dataset:
        return tf.data.Dataset.from_generator(lambda: iter(utterances), output_signature=signature)

    keras.utils.set_random_seed(settings.seed)
    model = Wav2Vec2CTC(TINY)
    result = train(
        model,
        vocabulary,
        training_batches(lambda _: dataset(training), lengths, settings.batch_samples, settings.seed),
        lambda: batched(dataset(held_out), lengths, settings.batch_samples),
        settings,
    )
    best = min(result.measurements, key=lambda measurement: abs(measurement.step - result.best_step))
    samples = sum(len(utterance["pcm"]) for utterance in training)
    readme = _README.format(
        parameters=sum(int(np.prod(variable.shape)) for variable in model.named_weights().values()),
        seed=settings.seed,
        steps=settings.steps,
        minutes=result.seconds / 60,
        utterances=len(training),
        hours=samples / 16000 / 3600,
        validation_utterances=len(held_out),
        wer=100 * best.validation_wer,
    )
    write_published(model, vocabulary, dict(DEFAULT_PREPROCESSOR), output, readme)
    for measurement in result.measurements:
        sys.stdout.write(f"{measurement}\n")


def _utterances(corpus: Path, subset: str, vocabulary: Vocabulary) -> Iterator[dict[str, Any]]:
    from model.audio import read_pcm16

    for transcripts in sorted(corpus.glob(f"{subset}*/*/*/*.trans.txt")):
        for line in transcripts.read_text(encoding="utf-8").splitlines():
            utterance_id, _, text = line.partition(" ")
            pcm, _ = read_pcm16(transcripts.parent / f"{utterance_id}.flac")
            yield {"pcm": pcm, "labels": np.asarray(vocabulary.encode(text), np.int32)}


if __name__ == "__main__":
    sys.exit(main())
