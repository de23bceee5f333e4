"""Fine-tunes wav2vec2-base on a hundred hours of LibriSpeech's transcripts, by the published recipe.

    w2v2 run --config librispeech_100h

Cost, on paper and not run: 80,000 updates over 1,600 s of speech each, at some 46 GFLOP a second of speech, are about
11 hours, $102, of a TPU v3-8 that does 30 % of what it can (docs/vertex_guide.md has the arithmetic). Expected WER,
greedy: 6.3 % on test-clean and 14.0 % on test-other (Baevski et al. 2020, without a language model; base-100h as
published). The gate's ceiling stands above the harder of both.
"""

from __future__ import annotations

from pipeline.config import PipelineConfig
from pipeline.recipes import base_recipe, librispeech_gate


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return base_recipe(
        "librispeech_100h",
        corpus="train-clean-100,dev-clean,dev-other,test-clean,test-other",
        gate=librispeech_gate(max_wer=0.17, non_inferiority_margin=0.005),
        steps=80_000,
        peak_learning_rate=3e-5,
        mask_time_prob=0.65,
        mask_feature_prob=0.5,
        layerdrop=0.1,
    )
