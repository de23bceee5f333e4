"""The smallest run of pre-training, for tests: every node, on a minute and a half of synthetic speech without its text.

    w2v2 run --config pretrain_smoke

Cost: about a minute on 2 cores. It begins at random weights and trains for a few steps, so it learns next to nothing;
the gate asks for a number, and for no more. Expected contrastive loss: about that of a guess, 3.0 nats among 20
negatives.
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
        name="pretrain_smoke",
        corpus=CorpusConfig(
            synthetic=SyntheticCorpusSettings(
                text="broad", minutes=1.5, train_speakers=3, dev_speakers=2, test_speakers=0
            )
        ),
        checkpoint=CheckpointSettings(source="random", architecture="tiny"),
        ingest=IngestSettings(transcripts="none", num_shards_per_split=2),
        train=TrainingSettings(
            steps=4,
            task="pretraining",
            batch_samples=320_000,
            peak_learning_rate=1e-4,
            freeze_feature_encoder=False,
            evaluate_every_steps=2,
            num_buckets=2,
            mask_time_prob=0.65,
            mask_time_length=10,
        ),
        evaluation=PretrainingEvaluationSettings(
            num_negatives=20, parity_utterances=4, num_probes=2, bootstrap_resamples=100
        ),
        gate=PretrainingGateSettings(max_contrastive_loss=20.0, non_inferiority_margin=20.0),
        release=ReleaseSettings(name="wav2vec2-pretrain-smoke", license="apache-2.0"),
    )
