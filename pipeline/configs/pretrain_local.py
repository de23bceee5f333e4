"""Pre-training that one machine can do: the tiny architecture, on an hour of synthetic speech without its text.

    w2v2 run --config pretrain_local

Begins at random weights and learns from sound alone, random sequences of common English words by voices that no other
configuration hears. What it publishes can be fine-tuned:

    w2v2 run --checkpoint workspace/releases/wav2vec2-tiny-pretrained/checkpoint/1

Cost: 600 steps of at most 40 s of speech; the forward and backward pass of the tiny architecture over those 6.7 hours
take about ten minutes on 2 cores. Expected contrastive loss: below that of a guess, 3.9 nats among 50 negatives, with
more codes in use than one for each codebook; the gate asks for 3.7 and 8.
"""

from __future__ import annotations

from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.release_exporter.settings import ReleaseSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return PipelineConfig(
        name="pretrain_local",
        corpus=CorpusConfig(
            synthetic=SyntheticCorpusSettings(
                text="broad", minutes=60, train_speakers=40, dev_speakers=6, test_speakers=0
            )
        ),
        checkpoint=CheckpointSettings(source="random", architecture="tiny"),
        ingest=IngestSettings(transcripts="none"),
        train=TrainingSettings(
            steps=600,
            task="pretraining",
            batch_samples=640_000,
            peak_learning_rate=1e-3,
            warmup_share=0.1,
            hold_share=0.0,
            decay="linear",
            final_learning_rate_scale=0.0,
            adam_epsilon=1e-6,
            freeze_feature_encoder=False,
            feature_gradient_scale=0.1,
            feature_penalty=10.0,
            evaluate_every_steps=100,
            mask_time_prob=0.65,
            mask_time_length=10,
            # From 2 to 0.5 in the published 400,000 steps; here in as large a share of these.
            gumbel_temperature_decay=0.997,
        ),
        evaluation=PretrainingEvaluationSettings(num_negatives=50),
        gate=PretrainingGateSettings(
            max_contrastive_loss=3.7, min_code_perplexity=8, max_contrastive_loss_increase=0.1
        ),
        release=ReleaseSettings(name="wav2vec2-tiny-pretrained", license="apache-2.0"),
    )
