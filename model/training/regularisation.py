"""Dropout, LayerDrop and masks: those of the checkpoint, or those that the settings put in their place."""

from __future__ import annotations

import dataclasses
from typing import Any

from model.config import Wav2Vec2Config
from model.training.settings import TrainingSettings

_SAME_NAMES = (
    "mask_time_prob",
    "mask_time_length",
    "mask_feature_prob",
    "mask_feature_length",
    "activation_dropout",
    "attention_dropout",
    "final_dropout",
    "layerdrop",
)
_OF_DROPOUT = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "final_dropout")


def regularised(config: Wav2Vec2Config, settings: TrainingSettings) -> Wav2Vec2Config:
    """Returns the architecture with what the settings say of its regularisation.

    A mask that the settings ask for is drawn, also where the checkpoint has `apply_spec_augment` false.
    """
    changes: dict[str, Any] = {}
    if settings.dropout is not None:
        changes |= dict.fromkeys(_OF_DROPOUT, settings.dropout)
    changes |= {name: value for name in _SAME_NAMES if (value := getattr(settings, name)) is not None}
    if changes.get("mask_time_prob") or changes.get("mask_feature_prob"):
        changes["apply_spec_augment"] = True
    return dataclasses.replace(config, **changes)
