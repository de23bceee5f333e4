"""The published pre-training of wav2vec 2.0 base, on LibriSpeech's 960 hours without their text.

    w2v2 run --config pretrain_base

Source: Baevski et al. 2020, §4.2, and fairseq's `wav2vec2_base_librispeech.yaml`: 400,000 updates of 64 batches of 1.4
million samples, Adam with a rate that rises to 5e-4 in the first 8 % and falls to 0, gradients of the convolutions
scaled by 0.1, their output held small, codes by a Gumbel softmax whose temperature falls from 2 to 0.5.

The batches of 64 processors are here eight at a time, on whatever devices there are, and eight of those are summed for
each update; on devices with less memory, lower `batch_samples` and raise `accumulate_batches` by the same factor.

Two things are other than published. fairseq cuts utterances to 250,000 samples, 15.6 s, anew in each epoch, and drops
what is shorter than 2 s. Nothing is ever cut here: what is longer than `max_samples` is left out, and counted in the
run's report; what is short is kept. And fairseq decays every parameter, biases and norms too; here kernels alone.

Cost: 400,000 updates of 5,600 s of speech are 2.2e9 s. The forward pass takes 237 GFLOP for 15.4 s (docs/scale.md), a
step three times that: 1.0e20 FLOP. At a third of the peak of eight A100 (312 TFLOP/s each in bfloat16) that is a day
and a half; the paper took 1.6 days on 64 V100. Two CPU cores would take twenty years.

What to expect: no run of this project has measured it. By chance the contrastive loss is 4.6 nats among 100 negatives;
the gate asks for 2.5 and for 200 of the 640 codes, and leaves the first model to a person.
"""

from __future__ import annotations

from beam_jobs.librispeech.settings import IngestSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.release_exporter.settings import ReleaseSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig

_PUBLISHED_BATCH_SAMPLES = 1_400_000
_PUBLISHED_BATCHES = 64
_AT_ONCE = 8


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return PipelineConfig(
        name="pretrain_base",
        corpus=CorpusConfig(source="train-clean-100,train-clean-360,train-other-500,dev-clean,dev-other"),
        checkpoint=CheckpointSettings(source="random", architecture="base"),
        ingest=IngestSettings(transcripts="none"),
        train=TrainingSettings(
            steps=400_000,
            task="pretraining",
            batch_samples=_AT_ONCE * _PUBLISHED_BATCH_SAMPLES,
            accumulate_batches=_PUBLISHED_BATCHES // _AT_ONCE,
            peak_learning_rate=5e-4,
            warmup_share=32_000 / 400_000,
            hold_share=0.0,
            decay="linear",
            final_learning_rate_scale=0.0,
            weight_decay=0.01,
            adam_beta_1=0.9,
            adam_beta_2=0.98,
            adam_epsilon=1e-6,
            max_gradient_norm=None,
            freeze_feature_encoder=False,
            feature_gradient_scale=0.1,
            feature_penalty=10.0,
            precision="mixed_bfloat16",
            strategy="auto",
            max_samples=250_000,
            evaluate_every_steps=5_000,
            validation_utterances=1_000,
            checkpoint_every_seconds=900.0,
            activation_dropout=0.0,
            mask_time_prob=0.65,
            mask_time_length=10,
            gumbel_temperature_start=2.0,
            gumbel_temperature_end=0.5,
            gumbel_temperature_decay=0.999995,
        ),
        evaluation=PretrainingEvaluationSettings(),
        gate=PretrainingGateSettings(
            max_contrastive_loss=2.5,
            min_code_perplexity=200,
            non_inferiority_margin=0.05,
            min_utterances=5_000,
            first_run="review",
        ),
        release=ReleaseSettings(name="wav2vec2-base-pretrained", license="cc-by-4.0"),
    )
