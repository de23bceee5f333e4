"""Fine-tunes wav2vec2-base on all 960 hours of LibriSpeech's transcripts, by the published recipe.

    w2v2 run --config librispeech_960h

Cost, on paper and not run: 320,000 updates over 1,600 s of speech each, at some 46 GFLOP a second of speech, are about
44 hours, $408, of a TPU v3-8 that does 30 % of what it can (docs/vertex_guide.md has the arithmetic). Expected WER,
greedy: 3.4 % on test-clean and 8.6 % on test-other (Baevski et al. 2020, without a language model; base-960h as
published). The gate's ceiling stands above the harder of both.
"""

from __future__ import annotations

from pipeline.config import PipelineConfig
from pipeline.recipes import base_recipe, librispeech_gate


def get_config() -> PipelineConfig:
    """Returns the configuration."""
    return base_recipe(
        "librispeech_960h",
        corpus="train-clean-100,train-clean-360,train-other-500,dev-clean,dev-other,test-clean,test-other",
        gate=librispeech_gate(max_wer=0.11, non_inferiority_margin=0.005),
        steps=320_000,
        peak_learning_rate=1e-4,
        mask_time_prob=0.5,
        mask_feature_prob=0.1,
        layerdrop=0.1,
    )
