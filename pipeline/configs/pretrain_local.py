"""Pre-training that one machine can do.

    w2v2 run --config pretrain_local

Begins at random weights and learns from sound alone, random sequences of common English words by voices that the
default configuration does not hear. What it publishes can be fine-tuned:

    w2v2 run --config warm_up --checkpoint workspace/releases/wav2vec2-tiny-pretrained/checkpoint/1

Cost: 2,000 steps, three quarters of an hour on 2 busy cores and 2.6 GB of memory. A guess among 50 negatives has a
contrastive loss of 3.93 nats, and in the first 200 steps the model does no better; in the end it had 3.13, and chose
right in 21.0 % of the cases, with 95 of the 128 codes in use. The gate asks for 3.7 and 32.
"""

from __future__ import annotations

from beam_jobs.librispeech.settings import IngestSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.release_exporter.settings import ReleaseSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig
from pipeline.recipes import BROAD_SPEECH


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return PipelineConfig(
        name="pretrain_local",
        corpus=CorpusConfig(synthetic=BROAD_SPEECH),
        checkpoint=CheckpointSettings(source="random", architecture="tiny"),
        ingest=IngestSettings(transcripts="none"),
        train=TrainingSettings(
            steps=2_000,
            task="pretraining",
            batch_samples=640_000,
            peak_learning_rate=2e-3,
            adam_epsilon=1e-6,
            freeze_feature_encoder=False,
            evaluate_every_steps=200,
            dropout=0.0,
            mask_time_prob=0.65,
            mask_time_length=10,
            # From 2 to 0.5 in the published 400,000 steps; here within the first of these.
            gumbel_temperature_decay=0.995,
        ),
        evaluation=PretrainingEvaluationSettings(num_negatives=50),
        gate=PretrainingGateSettings(max_contrastive_loss=3.7, min_code_perplexity=32, non_inferiority_margin=0.1),
        release=ReleaseSettings(name="wav2vec2-tiny-pretrained", license="apache-2.0"),
    )
