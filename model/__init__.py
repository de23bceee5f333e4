"""Wav2Vec2, and all that is needed to train, decode, convert and export it.

`from model import Wav2Vec2CTC, Wav2Vec2Config, load_model` works; TensorFlow and Keras are imported only when one of
the names that need them is asked for, so that light commands start at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from model.version import __version__

if TYPE_CHECKING:
    from model.config import Wav2Vec2Config
    from model.directory import load_model
    from model.transcriber import Transcriber
    from model.wav2vec2 import Wav2Vec2CTC

__all__ = ["Transcriber", "Wav2Vec2CTC", "Wav2Vec2Config", "__version__", "load_model"]

_MODULE_BY_NAME = {
    "Transcriber": "model.transcriber",
    "Wav2Vec2Config": "model.config",
    "Wav2Vec2CTC": "model.wav2vec2",
    "load_model": "model.directory",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module 'model' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_BY_NAME[name]), name)
