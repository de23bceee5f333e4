"""What several configurations share: the broad synthetic speech, and the published recipes of fine-tuning.

Source of the recipes: fairseq's `examples/wav2vec/config/finetuning/base_*.yaml`, for Baevski et al. 2020. An update is
over 25.6 million samples there, 1,600 seconds: GPUs × batches × 3.2 million samples. Here it is as many, in batches
that fit into the memory of the cores of a TPU v3-8.
"""

from __future__ import annotations

from typing import Any

from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.release_exporter.settings import ReleaseSettings
from components.wer_evaluator.settings import GateSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig

# Shares no speaker and no sentence of its test with the default corpus.
BROAD_SPEECH = SyntheticCorpusSettings(text="broad", minutes=160, train_speakers=78, dev_speakers=6, test_speakers=4)

_UPDATE_SAMPLES = 25_600_000
_ACCUMULATED = 4


def librispeech_gate(max_wer: float, non_inferiority_margin: float) -> GateSettings:
    """Returns the gate of a base model that is tested on LibriSpeech's test-clean and test-other.

    The ceiling and the margin must suit the harder of both. Two equal models differ by chance the more, the more errors
    they make: on test-clean the standard error of the difference is 0.07 points at a WER of 3.2 %
    (`model.metrics.non_inferiority` tells how that was measured), and it grows with the square root of the WER. An
    equal model passes 95 times in 100 with a margin of 3.3 standard errors.

    Args:
      max_wer: Ceiling, a fraction.
      non_inferiority_margin: A difference of fractions.
    """
    return GateSettings(
        max_wer=max_wer,
        non_inferiority_margin=non_inferiority_margin,
        # The hardest speaker has about three times as many errors as all together; on paper, and not measured.
        max_slice_wer=min(3 * max_wer, 1.0),
        max_deletion_increase=non_inferiority_margin / 2,
        # 95 million weights of four bytes; and two cores are eight times as fast as speech (docs/scale.md).
        max_release_bytes=500_000_000,
        min_realtime_factor=2.0,
    )


def base_recipe(name: str, corpus: str, gate: GateSettings, **train: Any) -> PipelineConfig:
    """Returns the recipe of fine-tuning the base model on some of LibriSpeech.

    Args:
      name: Of the configuration.
      corpus: The subsets, or where they lie.
      gate: What the model must reach.
      train: Where the recipe differs from what all share.
    """
    shared = {
        "batch_samples": _UPDATE_SAMPLES // _ACCUMULATED,
        "accumulate_batches": _ACCUMULATED,
        "rows_multiple": 8,
        "loss_per": "utterance",
        "warmup_share": 0.1,
        "hold_share": 0.4,
        "final_learning_rate_scale": 0.05,
        "weight_decay": 0.0,
        "adam_beta_2": 0.98,
        "adam_epsilon": 1e-8,
        "max_gradient_norm": None,
        "freeze_feature_encoder": True,
        "precision": "mixed_bfloat16",
        "dropout": 0.0,
        "activation_dropout": 0.1,
        "mask_time_length": 10,
        "mask_feature_length": 64,
        "evaluate_every_steps": 1_000,
        "validation_utterances": 3_000,
        "checkpoint_every_seconds": 600.0,
    }
    return PipelineConfig(
        name=name,
        corpus=CorpusConfig(source=corpus),
        checkpoint=CheckpointSettings("hf://facebook/wav2vec2-base"),
        train=TrainingSettings(**{**shared, **train}),
        gate=gate,
        release=ReleaseSettings(name=f"wav2vec2-base-{name.removeprefix('librispeech_')}", license="apache-2.0"),
    )
