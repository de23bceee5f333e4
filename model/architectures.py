"""Architectures to begin with at random weights: those of the paper, and a tiny one for machines without accelerators.

Source: Baevski et al. 2020, «wav2vec 2.0», §4.2, and fairseq's `wav2vec2_base_librispeech`. How much is masked belongs
to a recipe, not to an architecture: pre-training masks far more than the fine-tuning that follows, and what is released
must be ready for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model.config import Wav2Vec2Config
from model.errors import UsageError

TINY = Wav2Vec2Config(
    conv_dim=(48, 64, 96, 96, 128, 128, 128),
    conv_bias=True,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    hidden_size=144,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=576,
    num_conv_pos_embeddings=32,
    num_conv_pos_embedding_groups=8,
    num_codevectors_per_group=64,
    codevector_dim=64,
    proj_codevector_dim=64,
    num_negatives=50,
    hidden_dropout=0.05,
    activation_dropout=0.05,
    attention_dropout=0.05,
    feat_proj_dropout=0.0,
    final_dropout=0.05,
    layerdrop=0.0,
    mask_time_prob=0.05,
    mask_time_length=5,
    mask_feature_prob=0.0,
)

BASE = Wav2Vec2Config(feat_quantizer_dropout=0.1, layerdrop=0.05)

# Published as facebook/wav2vec2-large; its codes and projections are wider, too.
LARGE = Wav2Vec2Config(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    codevector_dim=768,
    proj_codevector_dim=768,
    feat_quantizer_dropout=0.1,
    layerdrop=0.2,
)

ARCHITECTURES: Mapping[str, Wav2Vec2Config] = {"tiny": TINY, "base": BASE, "large": LARGE}


def find_architecture(name: str) -> Wav2Vec2Config:
    """Returns the architecture of that name, or the one that a `config.json` describes.

    Raises:
      UsageError: there is no such architecture, and no such file.
      CheckpointError: the file describes no model of ours.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"checkpoint.architecture must be one of {', '.join(ARCHITECTURES)}, or the config.json of a model;"
            f" {name!r} is neither."
        )
    return Wav2Vec2Config.from_file(path)
