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
