"""The smallest run of the whole graph, for tests: every node, on a minute and a half of synthetic speech.

    w2v2 run --config smoke

Cost: about a minute on 2 cores. It trains for a few steps only, so its WER is that of the checkpoint it starts from;
the gate asks for little.
"""

from __future__ import annotations

from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from components.release_exporter.settings import ReleaseSettings
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.training.settings import TrainingSettings
from pipeline.config import CorpusConfig, PipelineConfig


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return PipelineConfig(
        name="smoke",
        corpus=CorpusConfig(
            synthetic=SyntheticCorpusSettings(minutes=1.5, train_speakers=3, dev_speakers=1, test_speakers=2)
        ),
        ingest=IngestSettings(num_shards_per_split=2),
        train=TrainingSettings(
            steps=4,
            batch_samples=320_000,
            peak_learning_rate=1e-5,
            evaluate_every_steps=2,
            num_buckets=2,
        ),
        evaluation=EvaluationSettings(num_probes=2, num_silences=1, num_noises=3, bootstrap_resamples=100),
        gate=GateSettings(
            max_wer=1.0,
            non_inferiority_margin=0.5,
            # What it starts from learned from clean synthetic speech alone, and hears 66 words in these three noises,
            # 20 seconds, of which 44 in the white one. A few steps change little; the bound is twice as many.
            max_noise_words=130,
            # Of so few utterances, one that changes is more than a hundredth.
            min_int8_text_agreement=0.5,
            max_int8_wer_difference=0.1,
            min_realtime_factor=1.0,
            max_release_bytes=20_000_000,
        ),
        release=ReleaseSettings(name="wav2vec2-smoke", license="apache-2.0"),
    )
