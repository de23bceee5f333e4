"""Supervised training of a tiny recogniser on broad synthetic speech, to be fine-tuned.

    w2v2 run --config pretrain_local
    w2v2 run --config warm_up --checkpoint workspace/releases/wav2vec2-tiny-pretrained/checkpoint/1

What pretrain_local publishes lies in `model/pretrained/wav2vec2-tiny-pretrained`, too. Without `--checkpoint` it begins
at random weights. Words come in random order, so that nothing but their sound tells them.

Cost: 2,000 steps, 43 minutes on 2 cores and 2.5 GB of memory. Measured from the pre-trained weights: WER 64.2 %; the
loss ended at 0.20 per label in training and at 0.51 on validation. The gate asks for 75 %.
"""

from __future__ import annotations

from components.checkpoint_converter.settings import CheckpointSettings
from components.release_exporter.settings import ReleaseSettings
from components.wer_evaluator.settings import GateSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig
from pipeline.recipes import BROAD_SPEECH


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return PipelineConfig(
        name="warm_up",
        corpus=CorpusConfig(synthetic=BROAD_SPEECH),
        checkpoint=CheckpointSettings(source="random", architecture="tiny"),
        train=TrainingSettings(
            steps=2_000,
            batch_samples=800_000,
            peak_learning_rate=2e-3,
            freeze_feature_encoder=False,
            evaluate_every_steps=250,
            average_best=3,
            dropout=0.0,
            activation_dropout=0.0,
            attention_dropout=0.0,
            final_dropout=0.0,
            mask_time_prob=0.0,
        ),
        gate=GateSettings(
            max_wer=0.75,
            non_inferiority_margin=0.05,
            # It learned from clean synthetic speech alone, and hears words in noise: what it trained, the checkpoint
            # that comes with the project, hears 159 in the six noises of evaluation.seed, and 157 and 91 with the seeds
            # 1 and 2. Trainings differ, so the bound has room.
            max_noise_words=250,
            max_release_bytes=20_000_000,
        ),
        release=ReleaseSettings(name="wav2vec2-tiny-synthetic", license="apache-2.0"),
    )
